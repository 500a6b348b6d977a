import type { Command } from 'commander';
import { nearWord } from '../base/near-word.js';

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
