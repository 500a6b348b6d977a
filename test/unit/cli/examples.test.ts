import { Command } from 'commander';
import { expect, test } from 'vitest';
import { wordsOf } from '../../../src/cli/examples.js';
import { allCommands, createProgram } from '../../../src/cli/program.js';
import { contractKinds } from '../../../src/domain/catalog.js';
import { cubeIds, trafficNames } from '../../../src/domain/cubes.js';

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
  return [...typed.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain = '']) => quoted ?? plain);
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
