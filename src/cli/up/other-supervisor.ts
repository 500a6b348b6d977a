import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../../base/failures.js';
import { ignoredVariables } from '../../stack/environment.js';
import { servingCubeUrls } from '../../stack/programs/cubes.js';
import { namesOfEveryStack, runCubes } from '../../stack/programs/programs.js';
import { listProcesses } from '../../stack/stack.js';
import type { StackHome } from '../../state/home.js';
import { liveEnvironment, ownEnvironment } from '../current-stack.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import type { Output } from '../output.js';
import { showStack } from './shown-stack.js';

/** Another process keeps the stack up and starts what is missing: waits until it has. */
export async function awaitOtherSupervisor(home: StackHome, output: Output): Promise<ExitCode> {
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
  showStack(live, 'The stack is up.', output);
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
