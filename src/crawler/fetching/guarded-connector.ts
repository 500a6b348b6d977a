import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { buildConnector } from 'undici';
import { refusedRange } from '../../domain/crawler/addresses.js';
import { type AllowedTargets, isPermitted } from '../../domain/crawler/allowed-targets.js';
import { rangeText } from '../../domain/crawler/target-url.js';
import { PageFailure } from './page-failure.js';

/** All addresses of a name. Rejects as `dns.lookup` does. */
export type ResolveName = (hostname: string) => Promise<readonly string[]>;

/** Where a connection to a permitted address goes: there, in all programs. A test leads it to a site of its own. */
export type Dial = (address: string, port: number) => { readonly address: string; readonly port: number };

export interface ConnectionRules {
  readonly allowed: AllowedTargets;
  readonly resolve: ResolveName;
  readonly dial: Dial;
  /** Time limit of each attempt, milliseconds. */
  readonly connectMillis: number;
}

/** Of a name with many addresses so many are tried. */
const maxAttempts = 3;

export async function resolveName(hostname: string): Promise<readonly string[]> {
  const addresses = await lookup(hostname, { all: true });
  return addresses.map(({ address }) => address);
}

export function dialDirectly(address: string, port: number): { readonly address: string; readonly port: number } {
  return { address, port };
}

/**
 * Connects to an address that the safety rules permit, and to the very one that was checked: the name is resolved once, and the connection made to the address, so that a
 * name server cannot give another one in between. A name with a single refused address is refused, whatever its others.
 */
export function guardedConnector({ allowed, resolve, dial, connectMillis }: ConnectionRules): buildConnector.connector {
  const connect = buildConnector({ timeout: connectMillis });

  const permittedAddresses = async (hostname: string, port: number): Promise<readonly string[]> => {
    const addresses = isIP(hostname) === 0 ? await resolve(hostname) : [hostname];
    const refused = addresses.find((address) => !isPermitted(allowed, address, port));
    if (refused !== undefined) {
      const range = refusedRange(refused);
      const why = range === undefined ? `port ${port} is not permitted` : `it is ${rangeText(range)}`;
      throw new PageFailure('address_refused', `${hostname} leads to ${refused}: ${why}.`);
    }
    if (addresses.length === 0) throw new PageFailure('name_not_resolved', `${hostname} has no address.`);
    return addresses.slice(0, maxAttempts);
  };

  return (options, callback) => {
    const port = Number(options.port) || (options.protocol === 'https:' ? 443 : 80);
    const attempt = (addresses: readonly string[], place: number): void => {
      const target = dial(addresses[place] ?? '', port);
      connect({ ...options, hostname: target.address, port: String(target.port) }, (...[error, socket]) => {
        if (error === null) callback(null, socket);
        else if (place + 1 < addresses.length) attempt(addresses, place + 1);
        else callback(error, null);
      });
    };
    permittedAddresses(options.hostname, port).then(
      (addresses) => attempt(addresses, 0),
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), null),
    );
  };
}
