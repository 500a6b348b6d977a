import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { readSecretsFile } from '../auth/token-secrets.js';
import { Failure, toFailure } from '../base/failures.js';
import { packageRoot } from '../base/package-root.js';
import { checkVariables, readConfiguration } from '../config/configuration.js';
import { kindEntry, migrationKinds } from '../domain/catalog.js';
import { connectClient } from '../postgres/connect.js';
import { diagnose } from '../stack/doctor.js';
import { defaultCacheFolder } from '../stack/downloads/fetch.js';
import { contentFolders, ignoredVariables } from '../stack/environment.js';
import {
  checkNotOfRemovedStack,
  hasVariablesOf,
  unsetOwnVariables,
  withoutOwnValues,
} from '../stack/own-environment.js';
import { servingCubeUrls } from '../stack/programs/cubes.js';
import { namesOfEveryStack, runCubes } from '../stack/programs/programs.js';
import { listProcesses, startServers, stopStack } from '../stack/stack.js';
import { StackHome } from '../state/home.js';
import { LogTail, openLog } from '../state/logs.js';
import { type ExitCode, exitCodes } from './exit-codes.js';
import { awaitInterruptibly } from './interrupt.js';
import { misspelledVariables } from './known-words.js';
import { nextLines } from './next-lines.js';
import { conclude, type Output, table } from './output.js';
import { shownProcesses } from './status/stack-state.js';
import { fullStateFolder } from './system-failure.js';
import { wholeNumber } from './whole-number.js';

interface UpOptions {
  readonly records: number;
  readonly detach?: boolean;
  readonly sharedMachine?: boolean;
}

/** The state folder of the stack that commands without another word mean. */
export function currentHome(): StackHome {
  return new StackHome(readConfiguration(process.env, ['CUBESHIFT_HOME']).CUBESHIFT_HOME);
}

/**
 * What the caller has set, without what this stack's own `env` has put into the shell. Throws `configuration_invalid` where that
 * is of a stack which was removed.
 */
export function ownEnvironment(): NodeJS.ProcessEnv {
  const home = currentHome();
  checkNotOfRemovedStack(home, process.env);
  return withoutOwnValues(home, process.env);
}

/** What the caller has set, with the folders that a stack would use; right or wrong only together. */
export function environmentOfStack(): NodeJS.ProcessEnv {
  const own = ownEnvironment();
  return { ...own, ...contentFolders(own, currentHome().folder) };
}

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

/** The variables of the stack in the current state folder; throws when there is none. */
export function liveEnvironment(): Readonly<Record<string, string>> {
  const environment = currentHome().environment();
  if (environment === undefined) {
    throw new Failure('control_unreachable', `There is no stack in ${currentHome().folder}.`, {
      safe: 'Nothing was changed.',
    });
  }
  const changed = readSecretsFile(environment.TOKEN_SECRETS_FILE ?? '').cube;
  const live = {
    ...environment,
    ...(changed === undefined ? {} : { CUBE_JWT_SECRET: changed.current }),
    ...servingCubeUrls(currentHome()),
  };
  // A shell reads what is printed: there a name can be a command.
  return Object.fromEntries(Object.entries(live).filter(([name]) => /^[A-Z][A-Z0-9_]*$/.test(name)));
}

async function upInForeground({ records, sharedMachine }: UpOptions, output: Output): Promise<ExitCode> {
  const home = currentHome();
  if (home.supervisor() !== undefined) return awaitOtherSupervisor(home, output);
  const environment = ownEnvironment();
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
  const stack = await startServers({
    home,
    cacheFolder: defaultCacheFolder(process.env),
    environment,
    log: output.talk,
    temporalAccess: sharedMachine ? 'closed_if_possible' : 'closed',
  });
  try {
    if (!stop.signal.aborted && !environment.LEGACY_DATABASE_URL)
      await fillWhenEmpty(stack.env, records, standInFolders(environment, home));
    if (!stop.signal.aborted) await stack.startPrograms();
    if (process.send === undefined) {
      showStack(stack.env, output);
      output.talk('The stack is up; Ctrl-C stops it.');
      showNext(output);
    } else process.send('up');
    await stack.watch(stop.signal);
  } finally {
    output.talk('stopping');
    await stack.stop();
  }
  return exitCodes.done;
}

/** Starts `up` as a process of its own, passes on what it says, and returns when everything is up. */
async function upDetached({ records, sharedMachine }: UpOptions, output: Output): Promise<ExitCode> {
  const home = currentHome();
  if (home.supervisor() !== undefined) return awaitOtherSupervisor(home, output);
  home.prepare();
  const logFile = home.logOf('up');
  const log = openLog(logFile);
  const said = new LogTail(logFile, output.talk);
  const entry = join(packageRoot(), 'dist', 'src', 'cli', 'main.js');
  const options = ['--records', String(records), ...(sharedMachine ? ['--shared-machine'] : [])];
  const child = spawn(process.execPath, [entry, 'up', ...options], {
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
    env: process.env,
  });
  closeSync(log);
  let outcome: 'up' | 'ended' | undefined;
  let code: number | null = null;
  child.once('message', () => {
    outcome = 'up';
  });
  child.once('exit', (exitCode) => {
    outcome ??= 'ended';
    code = exitCode;
  });
  output.talk(`bringing up the stack in ${home.folder}`);
  const stillStarts = 'The stack continues to start. Look at it with `cubeshift ps`, stop it with `cubeshift down`.';
  await awaitInterruptibly(stillStarts, output, async () => {
    while (outcome === undefined) {
      said.passOn();
      await sleep(50);
    }
  });
  said.passOn();
  if (outcome === 'ended') {
    // On a full disk its words are lost.
    const full = fullStateFolder(home.folder);
    if (full !== undefined) throw full;
    // It has said why, in one sentence, and its code says what kind of failure it was.
    const known = Object.values(exitCodes).find((one) => one === code && one !== exitCodes.done);
    if (known !== undefined && known !== exitCodes.failed) return known;
    throw new Failure('unexpected', 'The stack did not come up.', { hint: `What it said is in ${logFile} too.` });
  }
  child.disconnect();
  child.unref();
  // Not through the log: the link to the Web UI is a secret.
  showStack(liveEnvironment(), output);
  output.talk('The stack is up.');
  showNext(output);
  return exitCodes.done;
}

/** Another process keeps the stack up and starts what is missing: waits until it has. */
async function awaitOtherSupervisor(home: StackHome, output: Output): Promise<ExitCode> {
  const deadline = Date.now() + 180_000;
  if (!isUp(home)) output.talk(`another process brings up the stack in ${home.folder}; waiting until it has`);
  while (!isUp(home)) {
    if (home.supervisor() === undefined)
      throw new Failure('unexpected', 'The stack went down while this command waited for it.', {
        hint: 'Bring it up again.',
      });
    if (Date.now() > deadline)
      throw new Failure('unexpected', 'The stack does not come up.', {
        hint: 'See with `cubeshift ps` what does not run, and why with `cubeshift logs NAME`.',
      });
    await sleep(100);
  }
  const live = liveEnvironment();
  showStack(live, output);
  output.talk('The stack is up.');
  showNext(output);
  const ignored = ignoredVariables(ownEnvironment(), live);
  if (ignored.length > 0)
    output.talk(
      `not changed: ${ignored.join(', ')}; \`cubeshift down\`, then \`up\`, starts the stack with what is set here`,
    );
  return exitCodes.done;
}

function isUp(home: StackHome): boolean {
  const processes = listProcesses(home);
  const ready = new Set(processes.filter(({ state }) => state === 'ready').map(({ name }) => name));
  return (
    home.supervisor() !== undefined &&
    processes.length === ready.size &&
    namesOfEveryStack().every((name) => ready.has(name)) &&
    Object.keys(servingCubeUrls(home)).length >= runCubes.length
  );
}

/** Fills the embedded legacy database once: never one of the user's own. */
async function fillWhenEmpty(
  env: Readonly<Record<string, string>>,
  records: number,
  folders: readonly string[],
): Promise<void> {
  if (await isFilled(env)) return;
  const entry = join(packageRoot(), 'dist', 'legacy', 'main.js');
  const child = spawn(process.execPath, [entry, '--records', String(records), ...folders], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { PATH: process.env.PATH, LEGACY_DATABASE_URL: env.LEGACY_DATABASE_URL },
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('exit', resolve);
    child.once('error', reject);
  }).catch((error: unknown) => {
    throw toFailure(error);
  });
  // One that a killed `up` left behind may have been quicker.
  if (code !== 0 && !(await isFilled(env)))
    throw new Failure('unexpected', 'The legacy stand-in could not be filled.', {
      hint: 'See the lines above; nothing of it was kept.',
    });
}

/** Where the stand-in lays out models and files, as its options: not where the caller names a folder of its own, which no program fills. */
function standInFolders(environment: NodeJS.ProcessEnv, home: StackHome): readonly string[] {
  return [
    ...(environment.LEGACY_MODEL_DIR ? [] : ['--models', home.fileOf('legacyModels')]),
    ...(environment.LEGACY_STORAGE_DIR ? [] : ['--paperwork', home.fileOf('legacyFiles')]),
  ];
}

async function isFilled(env: Readonly<Record<string, string>>): Promise<boolean> {
  const client = await connectClient(env.LEGACY_DATABASE_URL ?? '', { applicationName: 'cubeshift up' });
  try {
    // They come in one transaction.
    const found = await client.query<{ there: boolean }>(
      `select bool_or(to_regclass('public.' || quote_ident(name)) is not null) as there from unnest($1::text[]) as name`,
      [migrationKinds.flatMap((kind) => kindEntry(kind).tables.map(({ name }) => name))],
    );
    return found.rows[0]?.there === true;
  } finally {
    await client.end();
  }
}

function showStack(env: Readonly<Record<string, string>>, output: Output): void {
  output.talk(`gateway          ${env.GATEWAY_URL}`);
  output.talk(`control API      ${env.CONTROL_URL}`);
  if (env.TEMPORAL_UI_URL !== undefined) output.talk(`Temporal Web UI  ${env.TEMPORAL_UI_URL}`);
  output.talk('variables        cubeshift env');
}

function showNext(output: Output): void {
  const next = {
    command: 'cubeshift status',
    what: 'everything on one screen, with what to type where something is wrong',
  };
  for (const line of nextLines([next])) output.talk(line);
}
