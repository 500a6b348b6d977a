import type { Command } from 'commander';
import { environmentOfStack } from './current-stack.js';
import { exitCodeOf, exitCodes } from './exit-codes.js';
import { misspelledVariables } from './known-words.js';
import { conclude, type Output, table } from './output.js';

/** `cubeshift check`: whether what is configured can be used. */
export function registerCheckCommand(program: Command, output: Output): void {
  program
    .command('check')
    .description('check every variable that is set, and the servers it names; starts and changes nothing')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }) =>
      conclude(async () => {
        // Loaded here: no other command needs what speaks to every kind of server.
        const { inspectConfiguration, worst } = await import('../diagnosis/servers.js');
        const findings = await inspectConfiguration(environmentOfStack());
        for (const sentence of misspelledVariables(process.env)) output.talk(sentence);
        if (options.json) output.json(findings);
        else
          output.print(
            table(
              findings.flatMap(({ name, ok, sentence, remedy, unsafe }) => [
                [ok === null ? 'not set' : ok ? 'right' : 'wrong', name, sentence],
                ...(unsafe === '' ? [] : [['unsafe', name, unsafe]]),
                ...(remedy === '' ? [] : [['', '', remedy]]),
              ]),
            ),
          );
        const type = worst(findings);
        return type === undefined ? exitCodes.done : exitCodeOf(type);
      }),
    );
}
