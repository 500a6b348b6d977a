import type { Command } from 'commander';
import { checkVariables } from '../config/configuration.js';
import { diagnose } from '../stack/doctor.js';
import { defaultCacheFolder } from '../stack/downloads/fetch.js';
import { hasVariablesOf, unsetOwnVariables } from '../stack/own-environment.js';
import { stopStack } from '../stack/stack.js';
import { currentHome, environmentOfStack, liveEnvironment, ownEnvironment } from './current-stack.js';
import { exitCodes } from './exit-codes.js';
import { misspelledVariables } from './known-words.js';
import { conclude, type Output, table } from './output.js';
import { shownProcesses } from './status/stack-state.js';
import { upDetached } from './up/up-detached.js';
import { upInForeground } from './up/up-in-foreground.js';
import type { UpOptions } from './up/up-options.js';
import { wholeNumber } from './whole-number.js';

export function registerStackCommands(program: Command, output: Output): void {
  program
    .command('up')
    .description('bring up the servers, the legacy stand-in, workers, control API, cubes and gateway, and keep them up')
    .option('--records <n>', 'saju records of a new legacy stand-in', wholeNumber(0, 999_999_999), 100_000)
    .option('--detach', 'return when everything is ready')
    .option('--shared-machine', 'start even where Temporal cannot be closed to other users of this machine')
    .action((options: UpOptions, command: Command) =>
      conclude(async () => {
        checkVariables(environmentOfStack());
        // Of two `up`, one of which runs on its own, the one that a person typed.
        const typed = process.send === undefined && command.getOptionValueSource('records') === 'cli';
        if (typed && currentHome().hasComeUp)
          output.talk(
            'the stand-in of legacy keeps the records that it has; for another number type `cubeshift down --purge` first',
          );
        for (const sentence of misspelledVariables(process.env)) output.talk(sentence);
        return options.detach ? upDetached(options, output) : upInForeground(options, output);
      }),
    );
  program
    .command('down')
    .description('stop everything')
    .option('--purge', 'remove the state folder with all data, too')
    .action((options: { purge?: boolean }) =>
      conclude(async () => {
        const home = currentHome();
        const there = home.exists;
        if (home.supervisor() !== undefined)
          output.talk('stopping; what is under way is finished first, up to half a minute');
        const lived = await stopStack(home, { purge: options.purge ?? false });
        const stopped = lived ? 'stopped' : `there was no stack running in ${home.folder}`;
        output.talk(options.purge && there ? `${stopped}; all its data was removed` : stopped);
        if (options.purge && hasVariablesOf(home.folder, process.env))
          output.talk(`this shell still has its variables; type \`${unsetOwnVariables(process.env)}\``);
        return exitCodes.done;
      }),
    );
  program
    .command('env')
    .description('print the variables of the stack with their live values; they hold secrets')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }) =>
      conclude(async () => {
        const env = liveEnvironment();
        if (options.json) output.json(env);
        else
          for (const [name, value] of Object.entries(env))
            output.copy(`export ${name}='${value.replaceAll("'", "'\\''")}'`);
        return exitCodes.done;
      }),
    );
  program
    .command('ps')
    .description('list the processes of the stack')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }) =>
      conclude(async () => {
        const processes = shownProcesses(currentHome());
        if (options.json) output.json(processes);
        else if (processes.length === 0)
          output.talk(`no process of a stack in ${currentHome().folder} runs; \`cubeshift up --detach\` starts one`);
        else
          output.print(
            table([
              ['NAME', 'PID', 'PORT', 'VERSION', 'STATE'],
              ...processes.map((entry) => [
                entry.name,
                String(entry.pid),
                String(entry.port ?? '–'),
                entry.version,
                entry.state,
              ]),
            ]),
          );
        return exitCodes.done;
      }),
    );
  program
    .command('doctor')
    .description('list what is missing and how to fix it')
    .option('--json', 'as JSON')
    .action((options: { json?: boolean }) =>
      conclude(async () => {
        const findings = await diagnose(currentHome(), defaultCacheFolder(process.env), ownEnvironment());
        if (options.json) output.json(findings);
        else
          for (const finding of findings)
            output.print(
              `${finding.ok ? 'ok     ' : 'missing'}  ${finding.what}${finding.ok ? '' : `: ${finding.mend}`}`,
            );
        return findings.every((finding) => finding.ok) ? exitCodes.done : exitCodes.failed;
      }),
    );
}
