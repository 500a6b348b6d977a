import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { failureRule, failureTypes } from '../../../src/base/failures.js';
import { packageRoot } from '../../../src/base/package-root.js';
import { allCommands, createProgram } from '../../../src/cli/program.js';

const program = createProgram({
  json: () => undefined,
  line: () => undefined,
  print: () => undefined,
  copy: () => undefined,
  talk: () => undefined,
});
const commands = allCommands(program);
const pathOf = (command: (typeof commands)[number]): string =>
  command.parent === null || command.parent === program
    ? command.name()
    : `${pathOf(command.parent as (typeof commands)[number])} ${command.name()}`;
const paths = new Set(commands.map(pathOf));

test.each(commands.map((command) => [pathOf(command), command] as const))(
  '%s and its options are described',
  (_path, command) => {
    expect(command.description()).toMatch(/\w{3}/);
    for (const option of command.options) expect(option.description, option.flags).toMatch(/\w{2}/);
  },
);

test('no help offers a mode that does not exist', () => {
  const offered = commands.filter(
    (command) => command.parent?.createHelp().visibleCommands(command.parent).includes(command) ?? false,
  );
  // `migrate cutover`, and what the scripts of `completion` call.
  expect(offered.length).toBe(commands.length - 2);
  for (const command of offered) {
    expect(command.helpInformation()).not.toMatch(/or live|mode live|cutover|rehearse/);
    // Only a sweep has a dry run.
    if (command.name() !== 'sweep') expect(command.helpInformation()).not.toContain('dry-run');
  }
});

/**
 * Every hint in a source file, with what fills it left as it is written there. Hints of the saju cube and of the AI cube are
 * for clients of their routes, which have no command line.
 */
const hints = readdirSync(join(packageRoot(), 'src'), { recursive: true, encoding: 'utf8' })
  .filter(
    (file) => file.endsWith('.ts') && !['saju', 'ai'].some((cube) => file.startsWith(join('services', cube, '/'))),
  )
  .flatMap((file) => {
    const source = readFileSync(join(packageRoot(), 'src', file), 'utf8');
    return [...source.matchAll(/\bhint:\s*(?:\n\s*)?('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)/g)].map(
      (match) => [file, match[1] ?? ''] as const,
    );
  });

test('there are hints to look at', () => {
  expect(hints.length).toBeGreaterThan(60);
});

test.each(hints)('a hint of %s names commands, not routes: %s', (_file, hint) => {
  expect(hint).not.toMatch(/\b(GET|POST|PUT|PATCH|DELETE) \//);
  for (const [, words = ''] of hint.replaceAll('\\`', '`').matchAll(/`cubeshift ([^`]+)`/g)) {
    const named = words.split(' ');
    expect(
      [1, 2].some((count) => paths.has(named.slice(0, count).join(' '))),
      words,
    ).toBe(true);
  }
});

test.each(failureTypes)('the hint of %s never advises to empty a table', (type) => {
  expect(failureRule(type).hint).not.toMatch(/\b(empty|truncate|drop|delete)\b/i);
});
