import { stat } from 'node:fs/promises';
import type { ObservedInstance } from '../domain/deployment/desired-cubes.js';
import { pathOf } from './files.js';
import { readJson } from './text-files.js';

/** A supervisor that has not written for so long is not there. It writes at least once a second. */
const silentMillis = 5000;

/** What the supervisor of the stack saw last of the instances, and whether it still runs. */
export async function readObserved(
  stateFolder: string,
): Promise<{ observed: readonly ObservedInstance[]; supervised: boolean }> {
  const file = pathOf(stateFolder, 'observedCubes');
  const written = await stat(file).catch(() => undefined);
  if (written === undefined) return { observed: [], supervised: false };
  return {
    observed: ((await readJson(file)) ?? []) as readonly ObservedInstance[],
    supervised: Date.now() - written.mtimeMs < silentMillis,
  };
}
