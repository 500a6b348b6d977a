// Ends with 1 when README.ko.md no longer says what README.md says: `node scripts/translation.mjs`. A sentence may be written
// anew; headings, blocks, commands and their output, names, links and numbers are the same in both.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { anchorOf, fixedParts, sectionsOf } from './markdown-blocks.mjs';

const [original, translation] = ['README.md', 'README.ko.md'];

/** Numbers that English writes as words, and a translation may write in digits. */
const numberWords = new Map([
  ['one', ['1']],
  ['two', ['2']],
  ['three', ['3']],
  ['third', ['1', '3']],
  ['four', ['4']],
  ['five', ['5']],
  ['ten', ['10']],
  ['twelve', ['12']],
]);

/** A sentence for each place at which the Korean text differs from the English one. */
export function translationProblems(english, korean) {
  const [before, after] = [sectionsOf(english), sectionsOf(korean)];
  const titles = after.map(titleOf);
  const twinOf = (section) => after[titles.indexOf(titleOf(section))];
  const anchors = { [original]: anchorsOf(before), [translation]: anchorsOf(after) };
  return [
    ...missingLinks(before, translation, original),
    ...missingLinks(after, original, translation),
    ...differencesOfTitles(before, after),
    ...before.flatMap((section) => {
      const twin = twinOf(section);
      return twin === undefined ? [] : differencesOfSections(section, twin, anchors);
    }),
  ];
}

/** Each file links to the other above its first section. */
function missingLinks(sections, target, file) {
  const [top, title] = sections;
  const texts = [...top.blocks, ...(title?.blocks ?? [])].map(({ text = '' }) => text);
  return fixedParts(texts.join('\n')).links.has(target)
    ? []
    : [`${file}: no link to ${target} above the first section`];
}

function differencesOfTitles(before, after) {
  const [wanted, found] = [before.map(titleOf), after.map(titleOf)];
  const missing = before.filter((section) => !found.includes(titleOf(section)));
  const extra = after.filter((section) => !wanted.includes(titleOf(section)));
  const problems = [
    ...missing.map((section) => `${at(original, section)}: no section "${titleOf(section)}" in ${translation}`),
    ...extra.map((section) => `${at(translation, section)}: no section "${titleOf(section)}" in ${original}`),
  ];
  const place = found.findIndex((title, index) => title !== wanted[index]);
  if (problems.length > 0 || place === -1) return problems;
  return [`${at(translation, after[place])}: the section "${found[place]}" is at another place in ${original}`];
}

/** The English heading with its level; one that is the same in every language, such as the title, needs no comment. */
function titleOf({ level, heading, original: english = heading }) {
  return `${'#'.repeat(level)} ${english}`;
}

function differencesOfSections({ blocks }, twin, anchors) {
  const place = blocks.findIndex((block, index) => block.kind !== twin.blocks[index]?.kind);
  if (place !== -1) {
    const { kind, line } = blocks[place];
    return [`${at(translation, twin.blocks[place] ?? twin)}: a ${kind} is missing (line ${line} of ${original})`];
  }
  const extra = twin.blocks[blocks.length];
  if (extra !== undefined) return [`${at(translation, extra)}: a ${extra.kind} more than in ${original}`];
  return blocks.flatMap((block, index) => differencesOfBlocks(block, twin.blocks[index], anchors));
}

function differencesOfBlocks(block, twin, anchors) {
  const say = (what) => `${at(translation, twin)}: ${what} (line ${block.line} of ${original})`;
  if (block.kind === 'block of code') return differencesOfCode(block, twin).map(say);
  if (block.text !== undefined && block.text === twin.text) return [say('not translated')];
  const [texts, twins] = [block.cells ?? [block.text], twin.cells ?? [twin.text]];
  if (texts.length !== twins.length) return [say(`${twins.length} cells instead of ${texts.length}`)];
  return texts.flatMap((text, index) => differencesOfText(text, twins[index], anchors)).map(say);
}

/** Commands and output are the same to the byte; a comment is translated. */
function differencesOfCode(block, twin) {
  if (block.language !== twin.language) return [`code in "${twin.language}" instead of "${block.language}"`];
  const mark = block.language === 'sql' ? /(?<!\S)-- / : /(?<!\S)# /;
  const parts = (line = '') => {
    const start = line.search(mark);
    return start === -1 ? [line, false] : [line.slice(0, start).trimEnd(), true];
  };
  const count = Math.max(block.lines.length, twin.lines.length);
  const place = Array.from({ length: count }).findIndex((_, index) => {
    const [[code, hasComment], [code2, hasComment2]] = [parts(block.lines[index]), parts(twin.lines[index])];
    return code !== code2 || hasComment !== hasComment2 || index >= block.lines.length || index >= twin.lines.length;
  });
  return place === -1 ? [] : [`code differs: "${twin.lines[place] ?? ''}" instead of "${block.lines[place] ?? ''}"`];
}

function differencesOfText(text, twin, anchors) {
  const [english, korean] = [fixedParts(text), fixedParts(twin)];
  const spelled = new Set(
    english.words.match(/[a-z]+/gi)?.flatMap((word) => numberWords.get(word.toLowerCase()) ?? []),
  );
  const linksOf = ({ links }, file, other) =>
    new Set([...links].map((link) => (link === other ? 'the other language' : (anchors[file].get(link) ?? link))));
  return [
    ...differencesOfSets(english.codes, korean.codes, (code) => `\`${code}\``),
    ...differencesOfSets(
      linksOf(english, original, translation),
      linksOf(korean, translation, original),
      (link) => `the link to ${link}`,
    ),
    ...differencesOfSets(english.numbers, korean.numbers, (number) => `the number ${number}`, spelled),
  ];
}

function differencesOfSets(wanted, found, name, allowed = new Set()) {
  return [
    ...[...wanted].filter((one) => !found.has(one)).map((one) => `${name(one)} is missing`),
    ...[...found]
      .filter((one) => !wanted.has(one) && !allowed.has(one))
      .map((one) => `${name(one)} is not in ${original}`),
  ];
}

/** The English heading behind each link to a heading of the same file. */
function anchorsOf(sections) {
  return new Map(sections.map((section) => [`#${anchorOf(section.heading)}`, `"${titleOf(section)}"`]));
}

function at(file, { line }) {
  return `${file}:${line}`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const problems = translationProblems(readFileSync(original, 'utf8'), readFileSync(translation, 'utf8'));
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.exit(problems.length === 0 ? 0 : 1);
}
