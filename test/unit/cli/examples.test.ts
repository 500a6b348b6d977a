import { Command } from 'commander';
import { expect, test } from 'vitest';
import { wordsOf } from '../../../src/cli/examples.js';
import { allCommands, createProgram } from '../../../src/cli/program.js';
import { contractKinds } from '../../../src/domain/catalog.js';
import { cubeIds, trafficNames } from '../../../src/domain/cubes.js';
import { migrationActions, migrationStatuses } from '../../../src/domain/migration/migration.js';
import { commandsAfterEnd, commandsOfActions } from '../../../src/domain/migration/next-commands.js';
import { rampActions } from '../../../src/domain/traffic/ramp/ramp.js';
import { rampCommands } from '../../../src/domain/traffic/ramp/ramp-commands.js';

/** The program with actions that do nothing but say which command was called. */
function listening(): { readonly program: Command; readonly said: string[]; readonly called: Command[] } {
  const said: string[] = [];
  const called: Command[] = [];
  const say = (text: string) => void said.push(text);
  const program = createProgram({ json: () => undefined, line: () => undefined, print: say, copy: say, talk: say });
  for (const command of allCommands(program))
    if (command.commands.length === 0) command.action(() => void called.push(command));
  return { program, said, called };
}

const commands = [new Command('cubeshift'), ...allCommands(listening().program)].map((command) => [
  ['cubeshift', ...wordsOf(command)].join(' '),
]);

/** The help of a command as a person sees it. */
function helpOf(words: readonly string[]): string {
  const { program, said } = listening();
  expect(() => program.parse([...words.slice(1), '--help'], { from: 'user' })).toThrow('outputHelp');
  return said.join('\n');
}

/** What a shell makes of a line: words, some of them quoted, without what it keeps for itself. */
function shellWords(line: string): readonly string[] {
  const typed = line.replace(/^eval "\$\((.*)\)"$/, '$1').replace(/ > \S+$/, '');
  return [...typed.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, quoted, twice, plain = '']) => quoted ?? twice ?? plain,
  );
}

test.each(commands)('%s: its help has one example, which the command line takes', (path) => {
  const help = helpOf(path.split(' '));
  expect(help.match(/^Example:$/gm)).toHaveLength(1);
  const [, example = ''] = /^Example:\n {2}(\S.*)$/m.exec(help) ?? [];
  const [first, ...words] = shellWords(example);
  expect(first).toBe('cubeshift');
  const { program, said, called } = listening();
  program.parse(words, { from: 'user' });
  expect(said).toEqual([]);
  expect(called).toHaveLength(1);
  // Of a command with commands of its own, one of those.
  expect(`${['cubeshift', ...wordsOf(called[0] ?? program)].join(' ')} `).toContain(`${path} `);
});

test.each(commands)('%s: its example names kinds and cubes that exist', (path) => {
  const { program, called } = listening();
  const [, example = ''] = /^Example:\n {2}(\S.*)$/m.exec(helpOf(path.split(' '))) ?? [];
  program.parse(shellWords(example).slice(1), { from: 'user' });
  const [command = program] = called;
  const known: Readonly<Record<string, readonly string[]>> = {
    kind: contractKinds,
    cube: command.parent?.name() === 'traffic' ? trafficNames : cubeIds,
  };
  for (const [index, argument] of command.registeredArguments.entries())
    if (known[argument.name()] !== undefined) expect(known[argument.name()]).toContain(command.args[index]);
});

test.each([
  ...commandsOfActions('first', migrationActions, true),
  ...migrationStatuses.flatMap((status) => commandsAfterEnd('saju-records', 'first', status)),
  ...rampCommands({ cube: 'saju', actions: rampActions }),
])('$command, which is named as possible now, is a command', ({ command }) => {
  const [first, ...words] = shellWords(command);
  expect(first).toBe('cubeshift');
  const { program, said, called } = listening();
  program.parse(words, { from: 'user' });
  expect(said).toEqual([]);
  expect(called).toHaveLength(1);
});

test('each action of a migration has a command, in the order of the actions', () => {
  const commands = commandsOfActions('first', ['rollback', 'pause'], true).map(({ command }) => command);
  expect(commands).toEqual(['cubeshift migrate rollback first', 'cubeshift migrate pause first']);
  expect(commandsOfActions('first', migrationActions, true)).toHaveLength(migrationActions.length + 1);
  expect(commandsOfActions('first', ['rejects/retry'], false)).toEqual([]);
});
