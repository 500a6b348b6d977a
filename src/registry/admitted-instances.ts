import { timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { signEntry, type Unsigned } from './entry-signature.js';
import { createInstanceFilter } from './instance-networks.js';
import type { InstanceEntry, InstanceFilter } from './instances.js';

/** More than a house has; a registry full of strangers must not fill the memory. */
const maxRemembered = 1000;

/** What entries of the registry are signed with, as it is now: by the former secret too while it is good. */
interface RegistrySecrets {
  readonly cube: { readonly current: string; readonly previous?: string };
}

/**
 * Whom a program calls of those in the registry: `known` are the instances of this house, `admits` those of them that it may
 * call. `tell` hears of each other one.
 */
export function admittedInstances(
  networks: readonly string[],
  secrets: RegistrySecrets,
  tell: (sentence: string) => void,
): { readonly known: InstanceFilter; readonly admits: InstanceFilter } {
  const known = createSignatureFilter(() => [secrets.cube.current, secrets.cube.previous ?? ''], tell);
  const inside = createInstanceFilter(networks, tell);
  return { known, admits: (entry) => known(entry) && inside(entry) };
}

/**
 * Takes only instances whose entry one of the `secrets` signed, and tells of each other one once: who can write to Redis must
 * not be sent users' requests. The time of the heartbeat is signed too, so that an entry of one that is gone, put there again,
 * is as old as it was.
 */
function createSignatureFilter(secrets: () => readonly string[], tell: (sentence: string) => void): InstanceFilter {
  const told = new LRUCache<string, true>({ max: maxRemembered });
  return (entry) => {
    if (secrets().some((secret) => secret !== '' && isSigned(secret, entry))) return true;
    const known = JSON.stringify([entry.cube_id, entry.instance_id, entry.url]);
    if (!told.has(known))
      tell(
        `Instance ${entry.instance_id} of ${entry.cube_id} is ignored: its entry in Redis bears no signature of this house.`,
      );
    told.set(known, true);
    return false;
  };
}

function isSigned(secret: string, { signature, ...entry }: InstanceEntry & { readonly signature?: unknown }): boolean {
  if (typeof signature !== 'string' || !/^[0-9a-f]{64}$/.test(signature)) return false;
  const fields = entry as Readonly<Record<string, unknown>>;
  if (!Object.values(fields).every((value) => typeof value === 'string' || typeof value === 'number')) return false;
  return timingSafeEqual(Buffer.from(signature), Buffer.from(signEntry(secret, fields as Unsigned)));
}
