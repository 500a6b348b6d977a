import type { Server } from 'node:net';
import { hostname } from 'node:os';

/** The URL at which this machine, or others in its network, reach a listening server. */
export function ownUrl(server: Pick<Server, 'address'>): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a port');
  const everywhere = address.address === '0.0.0.0' || address.address === '::';
  const host = everywhere ? hostname() : address.address;
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}
