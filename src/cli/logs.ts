import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { Failure } from '../base/failures.js';
import { nearWord } from '../base/near-word.js';
import { LogTail, lastLines, programsLoggingSince } from '../state/logs.js';
import { currentHome } from './current-stack.js';
import { exitCodes } from './exit-codes.js';
import { conclude, type Output } from './output.js';
import { wholeNumber } from './whole-number.js';

interface LogOptions {
  readonly lines: number;
  readonly follow?: boolean;
  readonly json?: boolean;
}

const lookEveryMillis = 200;

/** `cubeshift logs`: what a program of the stack writes. */
export function registerLogsCommand(program: Command, output: Output): void {
  program
    .command('logs')
    .description('print the last lines of a program’s log; without a name, the programs that have one')
    .argument('[name]', 'a program as `cubeshift ps` names it')
    .option('--lines <n>', 'how many lines', wholeNumber(1, 999_999), 50)
    .option('--follow', 'continue with what is written, until Ctrl-C')
    .option('--json', 'each line as the program wrote it, mostly a JSON document')
    .action((name: string | undefined, { lines, follow, json }: LogOptions) =>
      conclude(async () => {
        const home = currentHome();
        const known = [...programsLoggingSince(home.fileOf('logs'), 0)].sort();
        if (known.length === 0)
          throw new Failure('not_found', `There is no log in ${home.folder}.`, {
            hint: 'Bring up a stack with `cubeshift up --detach`, or name the folder of one by CUBESHIFT_HOME.',
          });
        if (name === undefined) {
          for (const one of known) output.print(one);
          return exitCodes.done;
        }
        if (!known.includes(name)) {
          const near = nearWord(name, known);
          throw new Failure('not_found', `There is no log of ${name} in ${home.folder}.`, {
            hint: `${near === undefined ? '' : `Did you mean ${near}? `}Logs are there of ${known.join(', ')}.`,
          });
        }
        const file = home.logOf(name);
        const print = json ? output.copy : await readably(output.print);
        const tail = follow ? new LogTail(file, (fresh) => fresh.split('\n').forEach(print)) : undefined;
        lastLines(file, lines, tail?.start).forEach(print);
        while (tail !== undefined && existsSync(home.folder)) {
          await sleep(lookEveryMillis);
          tail.passOn();
        }
        return exitCodes.done;
      }),
    );
}

async function readably(print: (text: string) => void): Promise<(line: string) => void> {
  // Loaded here: no other command formats logs.
  const { readableLine } = await import('./log-lines.js');
  return (line) => print(readableLine(line));
}
