import { timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { signEntry, type UnsignedEntry } from './entry-signature.js';
import { createInstanceFilter } from './instance-networks.js';
import type { InstanceEntry, InstanceFilter } from './instances.js';

/** More than one installation has: a registry full of foreign entries must not fill the memory. */
const maxRemembered = 1000;

/** The secrets that sign entries of the registry now: the previous one too while it is valid. */
interface RegistrySecrets {
  readonly cube: { readonly current: string; readonly previous?: string };
}

/**
 * Filters for the instances of the registry: `known` accepts those of this installation, `admits` those of them that the
 * program may call. Both pass one sentence per rejected instance to `warn`.
 */
export function admittedInstances(
  networks: readonly string[],
  secrets: RegistrySecrets,
  warn: (sentence: string) => void,
): { readonly known: InstanceFilter; readonly admits: InstanceFilter } {
  const known = createSignatureFilter(() => [secrets.cube.current, secrets.cube.previous ?? ''], warn);
  const inside = createInstanceFilter(networks, warn);
  return { known, admits: (entry) => known(entry) && inside(entry) };
}

/**
 * Accepts only entries that one of the `secrets` signed, and warns once of each other one: a program that can write to Redis
 * must not receive users' requests by that alone. The signature covers the time of the heartbeat, so that a replayed old entry
 * stays as old as it is.
 */
function createSignatureFilter(secrets: () => readonly string[], warn: (sentence: string) => void): InstanceFilter {
  const warned = new LRUCache<string, true>({ max: maxRemembered });
  return (entry) => {
    if (secrets().some((secret) => secret !== '' && isSigned(secret, entry))) return true;
    const known = JSON.stringify([entry.cube_id, entry.instance_id, entry.url]);
    if (!warned.has(known))
      warn(
        `Instance ${entry.instance_id} of ${entry.cube_id} is ignored: its entry in Redis bears no signature of this house.`,
      );
    warned.set(known, true);
    return false;
  };
}

function isSigned(secret: string, { signature, ...entry }: InstanceEntry & { readonly signature?: unknown }): boolean {
  if (typeof signature !== 'string' || !/^[0-9a-f]{64}$/.test(signature)) return false;
  const fields = entry as Readonly<Record<string, unknown>>;
  if (!Object.values(fields).every((value) => typeof value === 'string' || typeof value === 'number')) return false;
  return timingSafeEqual(Buffer.from(signature), Buffer.from(signEntry(secret, fields as UnsignedEntry)));
}
