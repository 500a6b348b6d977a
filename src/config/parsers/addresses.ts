import { isIP } from 'node:net';
import { type AllowedTargets, parseAllowedTargets } from '../../domain/crawler/allowed-targets.js';
import { postgresUrlProblem, redisUrlProblem, urlProblem } from '../server-urls.js';

/** Values that say where something is. Each parser returns the value, or throws an Error that completes "NAME …". */

export function parseHost(value: string): string {
  if (!/^[\w.:%-]+$/.test(value)) throw new Error('must be a host name or an IP address');
  return value;
}

export function parseHostPort(value: string): string {
  const match = /^(\[[0-9a-fA-F:]+\]|[^\s:/@]+):(\d{1,5})$/.exec(value);
  if (match === null || Number(match[2]) < 1 || Number(match[2]) > 65535) throw new Error('must be host:port');
  return value;
}

export function parsePort(value: string): number {
  const port = Number(value);
  if (!/^\d{1,5}$/.test(value) || port > 65535) throw new Error('must be a port number, 0 to 65535');
  return port;
}

export function parsePostgresUrl(value: string): string {
  return checked(value, postgresUrlProblem(value));
}

export function parseRedisUrl(value: string): string {
  return checked(value, redisUrlProblem(value));
}

/** Without the slashes at its end, so that paths can follow. */
export function parseHttpUrl(value: string): string {
  return checked(value, urlProblem(value, ['http:', 'https:'], 'http://127.0.0.1:8090')).replace(/(?<!\/)\/+$/, '');
}

/** As `parseHttpUrl`, of a server whose name is said where something is wrong with it, and whose keys are given apart. */
export function parseEndpoint(value: string): string {
  const url = parseHttpUrl(value);
  const { username, password, search, hash } = new URL(url);
  if (`${username}${password}${search}${hash}` !== '')
    throw new Error('must be scheme, host, port and path alone, such as https://s3.us-east-1.amazonaws.com');
  return url;
}

/** As `parseHttpUrl`, of a service whose paths are its own. */
export function parseOrigin(value: string): string {
  const url = parseHttpUrl(value);
  if (new URL(url).origin !== url) throw new Error('must be scheme, host and port alone, without a path');
  return url;
}

/** `10.0.0.0/8, ::1` as networks; an address alone is a network of one. */
export function parseNetworks(value: string): readonly string[] {
  const networks = value.split(',').map((one) => one.trim());
  for (const network of networks) {
    const [address = '', bits, ...rest] = network.split('/');
    const family = isIP(address);
    const maxBits = family === 4 ? 32 : 128;
    if (family === 0 || rest.length > 0 || (bits !== undefined && !(/^\d{1,3}$/.test(bits) && Number(bits) <= maxBits)))
      throw new Error('must be networks such as 10.0.0.0/8, separated by commas');
  }
  return networks;
}

/** Networks with an optional port, which jobs may fetch from. */
export function parseTargets(value: string): AllowedTargets {
  try {
    return parseAllowedTargets(value);
  } catch {
    throw new Error('must be networks with an optional port such as 127.77.0.1/32:8081, separated by commas');
  }
}

/** The value, unless there is a problem. */
function checked(value: string, problem: string | undefined): string {
  if (problem !== undefined) throw new Error(problem);
  return value;
}
