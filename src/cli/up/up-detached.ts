import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../../base/failures.js';
import { packageRoot } from '../../base/package-root.js';
import { LogTail, openLog } from '../../state/logs.js';
import { currentHome, liveEnvironment } from '../current-stack.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { awaitInterruptibly } from '../interrupt.js';
import type { Output } from '../output.js';
import { fullStateFolder } from '../system-failure.js';
import { awaitOtherSupervisor } from './other-supervisor.js';
import { showStack } from './shown-stack.js';
import type { UpOptions } from './up-options.js';

/** Starts `up` as a process of its own, passes on what it says, and returns when everything is up. */
export async function upDetached({ records, sharedMachine }: UpOptions, output: Output): Promise<ExitCode> {
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
  showStack(liveEnvironment(), 'The stack is up.', output);
  return exitCodes.done;
}
