// The house's own rules, one after the other: format and lint, types, expressions, import directions, dead code, the table of
// variables, README in Korean, the OpenAPI document.
import { spawnSync } from 'node:child_process';
import { prepare } from './prepare.mjs';

prepare();
const folders = ['src', 'legacy', 'demo', 'bench'];
const checks = [
  ['format and lint', '@biomejs/biome/bin/biome', ['ci', '--error-on-warnings', '.']],
  ['types', 'typescript/bin/tsc', ['-p', 'tsconfig.json']],
  [
    'regular expressions in linear time',
    'eslint/bin/eslint.js',
    ['--max-warnings', '0', 'src', 'legacy', 'bin', 'scripts'],
  ],
  [
    'import directions',
    'dependency-cruiser/bin/dependency-cruise.mjs',
    ['--config', '.dependency-cruiser.cjs', ...folders],
  ],
  ['dead code', 'knip/bin/knip.js', []],
  ['variables in README', '../scripts/variables.mjs', ['--check']],
  ['README in Korean', '../scripts/translation.mjs', []],
  ['OpenAPI document', '../scripts/lint-openapi.mjs', []],
];
const failed = checks.filter(([name, program, args]) => {
  process.stderr.write(`check: ${name}\n`);
  const { status } = spawnSync(process.execPath, [`node_modules/${program}`, ...args], { stdio: ['ignore', 1, 2] });
  return status !== 0;
});
process.stderr.write(
  failed.length === 0 ? 'check: all right\n' : `check: failed: ${failed.map(([name]) => name).join(', ')}\n`,
);
process.exit(failed.length === 0 ? 0 : 1);
