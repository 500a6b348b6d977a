import { BlockList, isIP } from 'node:net';
import { LRUCache } from 'lru-cache';
import type { InstanceFilter } from './instances.js';

/** More than one installation has: a registry full of foreign entries must not fill the memory. */
const maxRemembered = 1000;

/**
 * Accepts only instances whose address is in `networks`, and warns once of each other one. A host name is in no network: its
 * address may change between check and call. Without networks every instance is accepted.
 */
export function createInstanceFilter(networks: readonly string[], warn: (sentence: string) => void): InstanceFilter {
  if (networks.length === 0) return () => true;
  const inside = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const [family, max] = isIP(address) === 6 ? (['ipv6', 128] as const) : (['ipv4', 32] as const);
    inside.addSubnet(address, bits === undefined ? max : Number(bits), family);
  }
  const warned = new LRUCache<string, true>({ max: maxRemembered });
  return ({ cube_id, instance_id, url }) => {
    const host = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
    const family = isIP(host);
    if (family !== 0 && inside.check(host, family === 6 ? 'ipv6' : 'ipv4')) return true;
    const known = JSON.stringify([cube_id, instance_id, host]);
    if (!warned.has(known))
      warn(`Instance ${instance_id} of ${cube_id} is ignored: ${host} is no address in INSTANCE_NETWORKS.`);
    warned.set(known, true);
    return false;
  };
}
