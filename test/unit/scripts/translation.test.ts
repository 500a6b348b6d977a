import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../../src/base/package-root.js';

const { translationProblems } = (await import(join(packageRoot(), 'scripts', 'translation.mjs'))) as {
  readonly translationProblems: (english: string, korean: string) => readonly string[];
};

const english = `# cubeshift

[Korean](README.ko.md)

## Two commands

\`\`\`
npm run demo     # everything
npm test
\`\`\`

They need Node.js 20.16 and \`python3\`: it takes two minutes for 100,000 rows. See [the last section](#limits).

- Nothing is lost.
- Rows are read by \`select\`
  alone, [as described](docs/ledger.md).

## Limits

<!-- a comment of the file -->

| variable   | default |
| ---------- | ------- |
| \`LOG_LEVEL\` | \`info\`  |

\`\`\`sql
select 1;   -- one row
\`\`\`
`;
const korean = `# cubeshift

[영어](README.md)

## 명령 두 가지 <!-- Two commands -->

\`\`\`
npm run demo     # 전체 과정
npm test
\`\`\`

\`python3\`와 Node.js 20.16이 필요합니다. 100,000행에 2분이 걸립니다. [마지막 절](#제약-사항)을 참고하세요.

- 유실되지 않습니다.
- 행은 [설명한 대로](docs/ledger.md) \`select\`로만 읽습니다.

## 제약 사항 <!-- Limits -->

| 변수       | 기본값 |
| ---------- | ------ |
| \`LOG_LEVEL\` | \`info\` |

\`\`\`sql
select 1;   -- 한 행
\`\`\`
`;

/** Without the places, for which there is a test of their own. */
function problemsOf(english: string, korean: string): readonly string[] {
  return translationProblems(english, korean).map((problem) =>
    problem.replace(/^(README[.a-z]+):\d+/, '$1').replace(/ \(line \d+ of README\.md\)$/, ''),
  );
}

/** The text with one place changed, which it must have. */
function changed(text: string, before: string, after: string): string {
  expect(text.split(before)).toHaveLength(2);
  return text.replace(before, after);
}

test('sentences, comments and the order of words are the translator’s own', () => {
  expect(translationProblems(english, korean)).toEqual([]);
});

test('README.ko.md says what README.md says', () => {
  const [first, second] = ['README.md', 'README.ko.md'].map((file) => readFileSync(join(packageRoot(), file), 'utf8'));
  expect(translationProblems(first ?? '', second ?? '')).toEqual([]);
});

test.each<[what: string, before: string, after: string, problems: readonly string[]]>([
  [
    'a heading that was renamed',
    '## Two commands',
    '## A command',
    ['README.md: no section "## A command" in README.ko.md', 'README.ko.md: no section "## Two commands" in README.md'],
  ],
  [
    'a section that was added',
    '## Limits',
    '## A first day\n\nText.\n\n## Limits',
    ['README.md: no section "## A first day" in README.ko.md'],
  ],
  [
    'a heading of another level',
    '## Two commands',
    '### Two commands',
    [
      'README.md: no section "### Two commands" in README.ko.md',
      'README.ko.md: no section "## Two commands" in README.md',
    ],
  ],
  [
    'a command that was changed',
    'npm test',
    'npm run tests',
    ['README.ko.md: code differs: "npm test" instead of "npm run tests"'],
  ],
  [
    'a command that was added',
    'npm test\n',
    'npm test\nnpm run check\n',
    ['README.ko.md: code differs: "" instead of "npm run check"'],
  ],
  [
    'a comment that was added',
    'npm test',
    'npm test  # all',
    ['README.ko.md: code differs: "npm test" instead of "npm test  # all"'],
  ],
  ['code of another language', '```sql', '```', ['README.ko.md: code in "sql" instead of ""']],
  [
    'a name in backticks that was changed',
    '`python3`',
    '`python4`',
    ['README.ko.md: `python4` is missing', 'README.ko.md: `python3` is not in README.md'],
  ],
  [
    'a link that was changed',
    'docs/ledger.md',
    'docs/audit.md',
    [
      'README.ko.md: the link to docs/audit.md is missing',
      'README.ko.md: the link to docs/ledger.md is not in README.md',
    ],
  ],
  [
    'a link to another heading',
    '#limits',
    '#two-commands',
    [
      'README.ko.md: the link to "## Two commands" is missing',
      'README.ko.md: the link to "## Limits" is not in README.md',
    ],
  ],
  [
    'a number that was changed',
    '100,000',
    '200,000',
    ['README.ko.md: the number 200000 is missing', 'README.ko.md: the number 100000 is not in README.md'],
  ],
  [
    'a number in words that was changed',
    'two minutes',
    'three minutes',
    ['README.ko.md: the number 2 is not in README.md'],
  ],
  [
    'a list item that was added',
    '- Nothing is lost.\n',
    '- Nothing is lost.\n- Nothing is moved twice.\n',
    ['README.ko.md: a list item is missing'],
  ],
  [
    'a paragraph that was added',
    '## Limits\n',
    '## Limits\n\nThere are some.\n',
    ['README.ko.md: a paragraph is missing'],
  ],
  ['a list item that was removed', '- Nothing is lost.\n', '', ['README.ko.md: a list item more than in README.md']],
  [
    'a row of a table that was added',
    '| `LOG_LEVEL`',
    '| `CUBE_PORT` | 0 |\n| `LOG_LEVEL`',
    ['README.ko.md: a row of a table is missing'],
  ],
  [
    'a value of a table that was changed',
    '`info`',
    '`warn`',
    ['README.ko.md: `warn` is missing', 'README.ko.md: `info` is not in README.md'],
  ],
  [
    'a column of a table that was added',
    '| default |',
    '| default | read by |',
    ['README.ko.md: 2 cells instead of 3'],
  ],
  [
    'the link to the other language that was removed',
    '[Korean](README.ko.md)',
    'Text.',
    [
      'README.md: no link to README.ko.md above the first section',
      'README.ko.md: the link to the other language is not in README.md',
    ],
  ],
])('finds %s', (_what, before, after, problems) => {
  expect(problemsOf(changed(english, before, after), korean)).toEqual(problems);
});

test('finds a text that is still English', () => {
  const untranslated = changed(korean, '- 유실되지 않습니다.', '- Nothing is lost.');
  expect(problemsOf(english, untranslated)).toEqual(['README.ko.md: not translated']);
});

test('finds sections in another order', () => {
  const [title = '', commands = '', limits = ''] = korean.split(/(?=^## )/m);
  expect(problemsOf(english, `${title}${limits}\n${commands}`)).toEqual([
    'README.ko.md: the section "## Limits" is at another place in README.md',
  ]);
});

test('names the lines of both files', () => {
  expect(translationProblems(changed(english, '100,000', '200,000'), korean)[0]).toBe(
    'README.ko.md:12: the number 200000 is missing (line 12 of README.md)',
  );
});
