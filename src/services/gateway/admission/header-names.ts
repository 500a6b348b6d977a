import { standardRequestHeaders } from './forwarded-headers.js';

/** What the gateway does with a request header. */
type HeaderKind =
  | 'pass'
  /** Forwarded where the route declares it. */
  | 'declared'
  | 'drop'
  | 'host'
  | 'authorization'
  | 'user-id'
  | 'synthetic'
  | 'forwarded-for'
  | 'forwarded-proto'
  | 'request-id'
  | 'traceparent'
  | 'tracestate'
  | 'connection'
  | 'upgrade'
  | 'expect'
  | 'content-length'
  | 'transfer-encoding';

/** Headers that the gateway reads; it forwards some of them with its own value. */
const knownHeaders: ReadonlyMap<string, HeaderKind> = new Map([
  ['host', 'host'],
  ['authorization', 'authorization'],
  ['x-user-id', 'user-id'],
  ['x-cube-synthetic', 'synthetic'],
  ['x-forwarded-for', 'forwarded-for'],
  ['x-forwarded-proto', 'forwarded-proto'],
  ['x-request-id', 'request-id'],
  ['traceparent', 'traceparent'],
  ['tracestate', 'tracestate'],
  ['connection', 'connection'],
  ['upgrade', 'upgrade'],
  ['expect', 'expect'],
  ['content-length', 'content-length'],
  ['transfer-encoding', 'transfer-encoding'],
]);

/** Bounds of the caches of spellings: a client must not fill the memory with them. */
export const maxSpellings = 2000;
export const maxSpellingLength = 64;

interface HeaderRule {
  readonly kind: HeaderKind;
  /** In lower case. */
  readonly name: string;
}

/**
 * Classifies header names: standard ones are forwarded, those in `declared` where the route declares them, all others dropped.
 * Caches each spelling, so that the common ones cost one look-up.
 */
export class HeaderNames {
  private readonly known = new Map<string, HeaderRule>();

  constructor(private readonly declared: ReadonlySet<string>) {}

  ruleOf(spelling: string): HeaderRule {
    const known = this.known.get(spelling);
    if (known !== undefined) return known;
    const name = spelling.toLowerCase();
    const rule = { name, kind: this.kindOf(name) };
    if (spelling.length <= maxSpellingLength && this.known.size < maxSpellings) this.known.set(spelling, rule);
    return rule;
  }

  private kindOf(name: string): HeaderKind {
    // Programs that map headers to variables read `X_User_Id`, `X.User.Id` and `X~User~Id` as `X-User-Id`: dropped here.
    if (withHyphens(name) !== name) return 'drop';
    const kind = knownHeaders.get(name);
    if (kind !== undefined) return kind;
    if (standardRequestHeaders.has(name)) return 'pass';
    return this.declared.has(name) ? 'declared' : 'drop';
  }
}

/** A name as programs read it that map headers to variables: letters and digits, everything else as a hyphen. */
function withHyphens(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-');
}
