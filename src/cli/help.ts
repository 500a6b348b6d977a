import type { Command } from 'commander';
import { nearWord } from '../base/near-word.js';
import { wordsOf } from './examples.js';

/**
 * `help`, at the program and at each command that has commands: shows the help of the command that its words name. Commander's own
 * answers a word that is no command with the help of everything, which does not say that the word is wrong.
 */
export function registerHelpCommands(program: Command): void {
  for (const command of [program, ...program.commands].filter((one) => one.commands.length > 0)) {
    command.helpCommand(false);
    command
      .command('help')
      .description('show the help of a command')
      .argument('[word...]', 'the words that name it')
      .action((words: readonly string[]) => commandOf(command, words).help());
  }
}

/** Lets `--help` behind a word that is no command say so, as the command without `--help` does, instead of showing the help above it. */
export function refuseUnknownWords(commands: readonly Command[]): void {
  for (const command of commands.filter((one) => one.commands.length > 0))
    command.addHelpText('before', () => {
      const [word] = command.args;
      if (word !== undefined && !word.startsWith('-')) commandOf(command, [word]);
      return '';
    });
}

/** What commander says of an unknown command, with the commands of that name below another one in place of its near word. */
export function nameElsewhere(program: Command, said: string): string {
  const [, word] = /^error: unknown command '(.*)'/.exec(said) ?? [];
  const places = visibleBelow(program).filter((one) => one.name() === word && word !== 'help');
  if (places.length === 0) return said;
  const [last = '', ...others] = places.map((one) => wordsOf(one).join(' ')).reverse();
  const names = others.length === 0 ? last : `${others.reverse().join(', ')} or ${last}`;
  return `error: unknown command '${word}'\n(Did you mean ${names}?)`;
}

function visibleBelow(command: Command): readonly Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .flatMap((child) => [child, ...visibleBelow(child)]);
}

/** The command below `parent` that the words name; ends as a wrong command line does where there is none. */
function commandOf(parent: Command, words: readonly string[]): Command {
  const [word, ...rest] = words;
  if (word === undefined) return parent;
  const found = parent.commands.find((one) => one.name() === word || one.aliases().includes(word));
  if (found !== undefined) return commandOf(found, rest);
  const near = nearWord(
    word,
    parent
      .createHelp()
      .visibleCommands(parent)
      .map((one) => one.name()),
  );
  return parent.error(`error: unknown command '${word}'${near === undefined ? '' : `\n(Did you mean ${near}?)`}`);
}
