// Writes the table of variables in README.md and README.ko.md from src/config: `node scripts/variables.mjs`. With `--check` it
// changes nothing, and ends with 1 when one of them, or a default in .env.example, differs from that folder.
import { readFileSync, writeFileSync } from 'node:fs';
import { prepare } from './prepare.mjs';

prepare();
const { variableNames, variableTable } = await import('../dist/src/config/variables.js');
const { koreanTexts } = await import('../dist/src/config/variables-in-korean.js');

const [begin, end] = ['<!-- variables: written by scripts/variables.mjs -->', '<!-- end of variables -->'];
const languages = [
  {
    file: 'README.md',
    head: ['variable', 'what it is', 'default', 'in a stack set by', 'read by'],
    textOf: englishText,
    caller: 'you',
    both: 'you, else `up`',
  },
  {
    file: 'README.ko.md',
    head: ['변수', '설명', '기본값', '스택에서의 설정', '읽는 프로그램'],
    textOf: (name) => `${koreanTexts[name]}${variableTable[name].secret ? ' (비밀 값)' : ''}`,
    caller: '직접',
    both: '직접, 없으면 `up`',
  },
];

if (process.argv.includes('--check')) {
  const old = languages.filter((language) => written(language) !== readFileSync(language.file, 'utf8'));
  const problems = [
    ...old.map(({ file }) => `${file}: the table of variables is old; run \`node scripts/variables.mjs\``),
    ...otherDefaults(),
  ];
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.exit(problems.length === 0 ? 0 : 1);
}
for (const language of languages) writeFileSync(language.file, written(language));

/** The file with the table as it should be. */
function written({ file, ...language }) {
  const readme = readFileSync(file, 'utf8');
  const [before, after] = [readme.indexOf(begin), readme.indexOf(end)];
  if (before === -1 || after < before) throw new Error(`${file} has no place for the table of variables.`);
  return `${readme.slice(0, before)}${begin}\n\n${table(language)}\n\n${readme.slice(after)}`;
}

function table({ head, textOf, ...language }) {
  const rows = variableNames.map((name) => {
    const variable = variableTable[name];
    const readers = variable.readers.join(', ') || '–';
    return [`\`${name}\``, textOf(name), code(defaultOf(variable)), setBy(variable, language), readers];
  });
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((cells) => widthOf(cells[column]))));
  const pad = (cell, column, fill) => cell + fill.repeat(widths[column] - widthOf(cell));
  const line = (cells, fill) => `| ${cells.map((cell, column) => pad(cell, column, fill)).join(' | ')} |`;
  const rule = head.map(() => '');
  return [line(head, ' '), line(rule, '-'), ...rows.map((cells) => line(cells, ' '))].join('\n');
}

function englishText(name) {
  const { text, note, secret } = variableTable[name];
  return [text, ...(note === undefined ? [] : [note]), ...(secret ? ['secret'] : [])].join('; ');
}

/** In columns of a terminal, of which a Korean syllable takes two. */
function widthOf(text) {
  return text.replaceAll(/\p{Script=Hangul}/gu, '  ').length;
}

/** As it would be written into the environment; empty when there is none. */
function defaultOf({ fallback }) {
  if (typeof fallback === 'boolean') return fallback ? 'on' : 'off';
  return Array.isArray(fallback) ? fallback.join(',') : String(fallback ?? '');
}

function setBy({ sources }, { caller, both }) {
  const [first, second] = sources;
  if (first === undefined) return '–';
  if (first === 'stack') return '`up`';
  return second === undefined ? caller : both;
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
