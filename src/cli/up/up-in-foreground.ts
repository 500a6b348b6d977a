import { defaultCacheFolder } from '../../stack/downloads/fetch.js';
import { startServers } from '../../stack/stack.js';
import { currentHome, ownEnvironment } from '../current-stack.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import type { Output } from '../output.js';
import { fillWhenEmpty, standInFolders } from './legacy-stand-in.js';
import { awaitOtherSupervisor } from './other-supervisor.js';
import { showStack } from './shown-stack.js';
import type { UpOptions } from './up-options.js';

/** Brings the stack up in this process, and keeps it up until a signal ends it. */
export async function upInForeground({ records, sharedMachine }: UpOptions, output: Output): Promise<ExitCode> {
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
    if (process.send === undefined) showStack(stack.env, 'The stack is up; Ctrl-C stops it.', output);
    else process.send('up');
    await stack.watch(stop.signal);
  } finally {
    output.talk('stopping');
    await stack.stop();
  }
  return exitCodes.done;
}
