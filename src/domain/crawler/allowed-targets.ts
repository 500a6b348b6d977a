import type { IPv4, IPv6 } from 'ipaddr.js';
import { parseAddress, refusedRange } from './addresses.js';

/** A network that is exempt from the safety rules, at one port or at every one. */
interface AllowedTarget {
  readonly network: IPv4 | IPv6;
  readonly prefix: number;
  readonly port: number | undefined;
}

/** The networks of CRAWLER_ALLOWED_TARGETS. */
export type AllowedTargets = readonly AllowedTarget[];

const webPorts: readonly number[] = [80, 443];

/**
 * Reads networks with an optional port, separated by commas: `127.77.0.1/32:8081,10.0.0.0/8,[fd00::]/8:80`. IPv6 stands in brackets; without a length
 * the network is the one address. Throws an Error whose message completes "CRAWLER_ALLOWED_TARGETS …".
 */
export function parseAllowedTargets(text: string): AllowedTargets {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map(readTarget);
}

/** Whether the crawler may connect to an address and port: an allowed target, or a public address at port 80 or 443. */
export function isPermitted(allowed: AllowedTargets, address: string, port: number): boolean {
  return isAllowed(allowed, address, port) || (webPorts.includes(port) && refusedRange(address) === undefined);
}

/** Whether a port may be right for a name whose address is not known yet. */
export function isPossiblePort(allowed: AllowedTargets, port: number): boolean {
  return webPorts.includes(port) || allowed.some((target) => (target.port ?? port) === port);
}

function isAllowed(allowed: AllowedTargets, address: string, port: number): boolean {
  const parsed = parseAddress(address);
  if (parsed === undefined) return false;
  return allowed.some(
    (target) =>
      (target.port ?? port) === port &&
      target.network.kind() === parsed.kind() &&
      parsed.match(target.network, target.prefix),
  );
}

function readTarget(text: string): AllowedTarget {
  const [, inBrackets, plain, length, port] =
    /^(?:\[([\da-f:.]+)\]|([\d.]+))(?:\/(\d{1,3}))?(?::(\d{1,5}))?$/i.exec(text) ?? [];
  const network = parseAddress(inBrackets ?? plain ?? '');
  const bits = network?.kind() === 'ipv4' ? 32 : 128;
  const target = { prefix: Number(length ?? bits), port: port === undefined ? undefined : Number(port) };
  const isInRange = target.prefix <= bits && (target.port === undefined || (target.port > 0 && target.port < 65_536));
  if (network === undefined || (inBrackets !== undefined) !== (bits === 128) || !isInRange)
    throw new Error(`has ${JSON.stringify(text)}, which is no network such as 127.77.0.1/32:8081 or [fd00::]/8`);
  return { network, ...target };
}
