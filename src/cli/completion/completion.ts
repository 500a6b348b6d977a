import { join } from 'node:path';
import { Argument, type Command } from 'commander';
import { packageRoot } from '../../base/package-root.js';
import { exitCodes } from '../exit-codes.js';
import { oneLine } from '../one-line.js';
import { conclude, type Output } from '../output.js';
import { candidatesFor } from './candidates.js';
import { completionScript, type Shell, shells } from './scripts.js';
import { liveValues } from './values.js';

/** What the scripts call. */
const asked = '__complete';

/** A shell inserts a word as it is: one with another character could be a command once the line is entered. */
const plainWord = /^[\w.:=,@/-]+$/;

/** `cubeshift completion SHELL`: completes commands, options, kinds, cubes, and ids of migrations. */
export function registerCompletionCommand(program: Command, output: Output): void {
  program
    .command('completion')
    .description('print what makes a shell complete the words of cubeshift')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .action((shell: Shell) =>
      conclude(async () => {
        const main = join(packageRoot(), 'dist', 'src', 'cli', 'main.js');
        output.copy(completionScript(shell, [process.execPath, main, asked, '--']));
        return exitCodes.done;
      }),
    );

  program
    .command(`${asked} [words...]`, { hidden: true })
    .description('print what may come in place of the last word; called by the scripts of `completion`')
    .action(async (words: readonly string[]) => {
      // A person is typing: what cannot be known now is left out, without a word.
      const fitting = await candidatesFor(program, words, liveValues).catch(() => []);
      if (fitting === 'files') output.copy(':files');
      else for (const { word, text } of fitting) if (plainWord.test(word)) output.copy(`${word}\t${oneLine(text)}`);
    });
}
