import { BlockList, isIP } from 'node:net';
import { LRUCache } from 'lru-cache';
import type { InstanceFilter } from './instances.js';

/** More than a house has; a registry full of strangers must not fill the memory. */
const maxRemembered = 1000;

/**
 * Takes only instances whose address lies in `networks`, and tells of each other one once. A name lies in none of them: what
 * it stands for may change between the look and the call. Without networks every instance is taken.
 */
export function createInstanceFilter(networks: readonly string[], tell: (sentence: string) => void): InstanceFilter {
  if (networks.length === 0) return () => true;
  const inside = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const [family, max] = isIP(address) === 6 ? (['ipv6', 128] as const) : (['ipv4', 32] as const);
    inside.addSubnet(address, bits === undefined ? max : Number(bits), family);
  }
  const told = new LRUCache<string, true>({ max: maxRemembered });
  return ({ cube_id, instance_id, url }) => {
    const host = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
    const family = isIP(host);
    if (family !== 0 && inside.check(host, family === 6 ? 'ipv6' : 'ipv4')) return true;
    const known = JSON.stringify([cube_id, instance_id, host]);
    if (!told.has(known))
      tell(`Instance ${instance_id} of ${cube_id} is ignored: ${host} is no address in INSTANCE_NETWORKS.`);
    told.set(known, true);
    return false;
  };
}
