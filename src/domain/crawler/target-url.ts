import { parseAddress, refusedRange } from './addresses.js';
import { type AllowedTargets, isPermitted, isPossiblePort } from './allowed-targets.js';

/** A URL that may be fetched as far as its text says. */
export interface TargetUrl {
  /** Without a fragment. */
  readonly href: string;
  readonly origin: string;
  /** Path and query as they are requested. */
  readonly path: string;
  /** The name, or the address without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** Name and port: what a pace holds for. */
  readonly host: string;
}

/** Why a URL is not fetched, as the reject reasons of crawler jobs name it. */
export type UrlProblem = 'url_invalid' | 'url_refused';

export type CheckedUrl =
  | { readonly outcome: 'accepted'; readonly target: TargetUrl }
  | { readonly outcome: UrlProblem; readonly detail: string };

/**
 * Checks a URL by its text: http or https, no credentials (`url_invalid`), a port and a literal address that the safety rules permit (`url_refused`). Decimal,
 * octal, hexadecimal and shortened addresses are those that a browser takes them for. To what a name resolves is checked when it is connected to.
 */
export function checkTargetUrl(text: string | null, allowed: AllowedTargets, base?: string): CheckedUrl {
  const url = text === null ? undefined : parseUrl(text, base);
  if (url === undefined) return { outcome: 'url_invalid', detail: 'It is no URL.' };
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    return { outcome: 'url_invalid', detail: `It begins with ${url.protocol}, not with http: or https:.` };
  if (url.username !== '' || url.password !== '') return { outcome: 'url_invalid', detail: 'It holds credentials.' };
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
  const isLiteral = parseAddress(hostname) !== undefined;
  if (isLiteral ? !isPermitted(allowed, hostname, port) : !isPossiblePort(allowed, port)) {
    const range = isLiteral ? refusedRange(hostname) : undefined;
    const detail = range === undefined ? `Port ${port} is not permitted.` : `${hostname} is ${rangeText(range)}.`;
    return { outcome: 'url_refused', detail };
  }
  const target = {
    href: `${url.origin}${url.pathname}${url.search}`,
    origin: url.origin,
    path: `${url.pathname}${url.search}`,
    hostname,
    port,
    host: `${url.hostname}:${port}`,
  };
  return { outcome: 'accepted', target };
}

/** "an address of the range …", for sentences. */
export function rangeText(range: string): string {
  return `an address of the range “${range}”, which the crawler does not connect to`;
}

function parseUrl(text: string, base: string | undefined): URL | undefined {
  return URL.canParse(text, base) ? new URL(text, base) : undefined;
}
