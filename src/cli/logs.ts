import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { Failure } from '../base/failures.js';
import { LogTail, lastLines, programsLoggingSince } from '../state/logs.js';
import { exitCodes } from './exit-codes.js';
import { conclude, type Output } from './output.js';
import { currentHome } from './stack.js';

interface LogOptions {
  readonly lines: number;
  readonly follow?: boolean;
}

const lookEveryMillis = 200;

/** `cubeshift logs`: what a program of the stack writes. */
export function registerLogsCommand(program: Command, output: Output): void {
  program
    .command('logs')
    .description('print the last lines of a program’s log; without a name, the programs that have one')
    .argument('[name]', 'a program as `cubeshift ps` names it')
    .option('--lines <n>', 'how many lines', parseLines, 50)
    .option('--follow', 'continue with what is written, until Ctrl-C')
    .action((name: string | undefined, { lines, follow }: LogOptions) =>
      conclude(async () => {
        const home = currentHome();
        const known = [...programsLoggingSince(home.fileOf('logs'), 0)].sort();
        if (name === undefined) {
          if (known.length === 0) output.talk(`there is no log in ${home.folder}`);
          for (const one of known) output.print(one);
          return exitCodes.done;
        }
        if (!known.includes(name))
          throw new Failure('not_found', `There is no log of ${name} in ${home.folder}.`, {
            hint:
              known.length === 0 ? 'Bring up a stack with `cubeshift up`.' : `Logs are there of ${known.join(', ')}.`,
          });
        const file = home.logOf(name);
        const tail = follow ? new LogTail(file, output.print) : undefined;
        for (const line of lastLines(file, lines, tail?.start)) output.print(line);
        while (tail !== undefined && existsSync(home.folder)) {
          await sleep(lookEveryMillis);
          tail.passOn();
        }
        return exitCodes.done;
      }),
    );
}

function parseLines(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('It must be a whole number above 0.');
  return Number(text);
}
