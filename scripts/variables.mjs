// Writes the table of variables in README from src/config/variables.ts: `node scripts/variables.mjs`. With `--check` it
// changes nothing, and ends with 1 when README, or a default in .env.example, differs from that file.
import { readFileSync, writeFileSync } from 'node:fs';
import { prepare } from './prepare.mjs';

prepare();
const { variableNames, variableTable } = await import('../dist/src/config/variables.js');

const [begin, end] = ['<!-- variables: written by scripts/variables.mjs -->', '<!-- end of variables -->'];
const readme = readFileSync('README.md', 'utf8');
const [before, after] = [readme.indexOf(begin), readme.indexOf(end)];
if (before === -1 || after < before) throw new Error('README.md has no place for the table of variables.');
const written = `${readme.slice(0, before)}${begin}\n\n${table()}\n\n${readme.slice(after)}`;

if (process.argv.includes('--check')) {
  const problems = [
    ...(written === readme ? [] : ['README.md: the table of variables is old; run `node scripts/variables.mjs`']),
    ...otherDefaults(),
  ];
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.exit(problems.length === 0 ? 0 : 1);
}
writeFileSync('README.md', written);

function table() {
  const rows = variableNames.map((name) => {
    const variable = variableTable[name];
    const { text, note, secret, readers } = variable;
    const texts = [text, ...(note === undefined ? [] : [note]), ...(secret ? ['secret'] : [])];
    return [`\`${name}\``, texts.join('; '), code(defaultOf(variable)), setBy(variable), readers.join(', ') || '–'];
  });
  const head = ['variable', 'what it is', 'default', 'in a stack set by', 'read by'];
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((cells) => cells[column].length)));
  const line = (cells, fill) => `| ${cells.map((cell, column) => cell.padEnd(widths[column], fill)).join(' | ')} |`;
  const rule = head.map(() => '');
  return [line(head, ' '), line(rule, '-'), ...rows.map((cells) => line(cells, ' '))].join('\n');
}

/** As it would be written into the environment; empty when there is none. */
function defaultOf({ fallback }) {
  if (typeof fallback === 'boolean') return fallback ? 'on' : 'off';
  return Array.isArray(fallback) ? fallback.join(',') : String(fallback ?? '');
}

function setBy({ sources }) {
  return sources.map((source) => (source === 'caller' ? 'you' : '`up`')).join(', else ') || '–';
}

function code(text) {
  return text === '' ? '–' : `\`${text}\``;
}

/** The defaults in .env.example that are not those of the table. */
function otherDefaults() {
  return readFileSync('.env.example', 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(line) ?? [];
      if (variableTable[name] === undefined || value === defaultOf(variableTable[name])) return [];
      return [`.env.example: ${name} is ${value || 'empty'}, the default is ${defaultOf(variableTable[name])}`];
    });
}
