import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { packageRoot } from '../../../src/base/package-root.js';
import { plain, table } from '../../../src/cli/output.js';

describe('a table', () => {
  test('has columns as wide as their widest cell, and no space at a line’s end', () => {
    const rows = [
      ['ID', 'STATUS', 'STAGE'],
      ['saju-2026', 'waiting', ''],
      ['a', 'x', 'verified'],
    ];
    expect(table(rows)).toBe('ID         STATUS   STAGE\nsaju-2026  waiting\na          x        verified');
  });

  test('of Hangul has its columns where a terminal shows them', () => {
    const rows = [
      ['BY', 'WHY'],
      ['김철수', '시험 계정'],
      ['e\u0301va', 'known'],
    ];
    expect(table(rows)).toBe('BY      WHY\n김철수  시험 계정\ne\u0301va     known');
  });

  test('goes on below its last column where a terminal is narrower', () => {
    const rows = [
      ['REASON', 'WHAT TO DO'],
      ['hour', 'Correct the hour in legacy, 사주의 시각을 고치고 retry.'],
    ];
    const lines = table(rows, 32).split('\n');
    for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(32);
    expect(lines.slice(2).every((line) => line.startsWith(' '.repeat(8)))).toBe(true);
    expect(
      lines
        .slice(1)
        .map((line) => line.slice(8))
        .join(' '),
    ).toBe(rows[1]?.[1]);
    expect(table(rows, 12)).toBe(table(rows));
  });

  test('of nothing is nothing', () => {
    expect(table([])).toBe('');
  });

  test('starts every column at one place', () => {
    const cells = fc.stringMatching(/^[a-z]{1,12}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(cells, cells, cells), { minLength: 1 }), (rows) => {
        const lines = table(rows).split('\n');
        const starts = lines.map((line) => [...line.matchAll(/\S+/g)].map((cell) => cell.index));
        expect(new Set(starts.map(String)).size).toBe(1);
        expect(lines.map((line) => line.split(/ +/))).toEqual(rows);
      }),
    );
  });
});

describe('a command', () => {
  const compiled = (file: string) => pathToFileURL(join(packageRoot(), 'dist/src', file)).href;

  function run(work: string) {
    const program = `
      import { conclude, output } from '${compiled('cli/output.js')}';
      import { Failure } from '${compiled('base/failures.js')}';
      await conclude(async () => { ${work} });`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
    });
    return { status, stdout, stderr };
  }

  test('ends with the code that its work returns', () => {
    expect(run('return 5;')).toEqual({ status: 5, stdout: '', stderr: '' });
  });

  test('writes its document to stdout, alone, and its talk to stderr', () => {
    const { status, stdout, stderr } = run('output.talk("a word"); output.json({ a: ["가"] }); return 0;');
    expect([status, JSON.parse(stdout), stderr]).toEqual([0, { a: ['가'] }, 'a word\n']);
  });

  test('that fails says what is wrong and what to do, and nothing on stdout', () => {
    expect(run('throw new Failure("control_unreachable", "It cannot be reached.", { hint: "Start it." });')).toEqual({
      status: 3,
      stdout: '',
      stderr:
        'It cannot be reached.\nMigrations and ramps that have begun continue; whether this request had an effect is unknown.\nStart it.\n',
    });
    expect(run('throw new Failure("conflict", "It exists.", { hint: "" });').stderr).toBe(
      'It exists.\nNothing was changed.\nLook at what is under way with `cubeshift status`, then decide.\n',
    );
  });

  test('that fails in an unknown way does not print its text', () => {
    const { status, stdout, stderr } = run('throw new RangeError("홍길동");');
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain('RangeError');
    expect(stderr).not.toContain('홍길동');
  });
});

describe('what is shown', () => {
  /** What makes a terminal do something: a title, a link, colours, a move of the cursor, a question that it answers. */
  const tricks = [
    '\u001b]0;x\u0007',
    '\u001b]8;;http://x\u001b\\\\',
    '\u001b[2J',
    '\u009b31m',
    '\u009d0;x\u009c',
    '\r',
    '\b',
    '\u007f',
    '\u202e',
  ];
  const shows = (text: string) => !/(?![\n\t])[\p{Cc}\u202a-\u202e\u2066-\u2069]/u.test(text);

  test.each(tricks)('has nothing left of %j that a terminal carries out', (trick) => {
    expect(shows(plain(`before${trick}after`))).toBe(true);
    expect(plain(`before${trick}after`)).toMatch(/^before.*after$/);
    expect(
      shows(
        table([
          ['ID', 'WHY'],
          [trick, `a\n9${trick}`],
        ]),
      ),
    ).toBe(true);
    expect(
      table([
        ['ID', 'WHY'],
        ['1', `a\n9${trick}`],
      ]).split('\n').length,
    ).toBe(2);
  });

  test('is otherwise as it was', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(plain(plain(text))).toBe(plain(text));
        if (shows(text) && !/[\u061c\u200e\u200f]/.test(text)) expect(plain(text)).toBe(text);
      }),
    );
  });

  test.each(['json', 'print', 'talk'])('by %s holds no such character, and JSON loses none', (way) => {
    const module = pathToFileURL(join(packageRoot(), 'dist', 'src', 'cli', 'output.js')).href;
    const value = tricks.join('');
    const script = `import { output } from ${JSON.stringify(module)}; output.${way}(${JSON.stringify(value)});`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(shows(stdout + stderr)).toBe(true);
    if (way === 'json') expect(JSON.parse(stdout)).toBe(value);
  });
});

test('no command shows anything but through these', () => {
  const folder = join(packageRoot(), 'src', 'cli');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));
  const others = files.filter((file) => !file.endsWith('/output.ts'));
  expect(others.length).toBeGreaterThan(10);
  for (const file of others)
    expect([file, readFileSync(file, 'utf8').match(/process\.std(out|err)\.write|console\./)]).toEqual([file, null]);
});
