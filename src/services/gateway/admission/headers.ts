import { callHeader } from '../../../upstream/upstream.js';
import { standardRequestHeaders } from './request-headers.js';

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

const maxNames = 2000;
const maxName = 64;

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
    if (spelling.length <= maxName && this.known.size < maxNames) this.known.set(spelling, rule);
    return rule;
  }

  private kindOf(name: string): HeaderKind {
    // Programs that map headers to variables read `X_User_Id`, `X.User.Id` and `X~User~Id` as `X-User-Id`: dropped here.
    if (plainName(name) !== name) return 'drop';
    const kind = knownHeaders.get(name);
    if (kind !== undefined) return kind;
    if (standardRequestHeaders.has(name)) return 'pass';
    return this.declared.has(name) ? 'declared' : 'drop';
  }
}

/** A name as programs read it that map headers to variables: letters and digits, everything else as a hyphen. */
function plainName(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '-');
}

/** The parsed headers of a request, and the forwarded ones as name, value, name, value; names in lower case. */
export class RequestHeaders {
  readonly forwarded: string[] = [];
  /** Those that are forwarded if the route declares them. */
  readonly declared: string[] = [];
  hosts = 0;
  host = '';
  authorization: string | undefined;
  authorizations = 0;
  userId = '';
  userIds = 0;
  synthetic = false;
  forwardedFor = '';
  forwardedProto = '';
  requestId = '';
  traceparent: string | undefined;
  tracestate = '';
  connection = '';
  upgrade: string | undefined;
  expects = false;
  contentLength: string | undefined;
  transferEncoding: string | undefined;
  bytes = 0;

  constructor(raw: readonly string[], names: HeaderNames) {
    for (let place = 0; place < raw.length; place += 2) {
      const spelling = raw[place] ?? '';
      const value = raw[place + 1] ?? '';
      this.bytes += spelling.length + value.length + 4;
      const { kind, name } = names.ruleOf(spelling);
      switch (kind) {
        case 'pass':
          this.forwarded.push(name, value);
          break;
        case 'declared':
          this.declared.push(name, value);
          break;
        case 'host':
          this.hosts++;
          this.host = value;
          break;
        case 'authorization':
          this.authorizations++;
          this.authorization = value;
          break;
        case 'user-id':
          this.userIds++;
          this.userId = value;
          break;
        case 'synthetic':
          this.synthetic = value === '1';
          break;
        case 'forwarded-for':
          this.forwardedFor = this.forwardedFor === '' ? value : `${this.forwardedFor}, ${value}`;
          break;
        case 'forwarded-proto':
          this.forwardedProto = value;
          break;
        case 'request-id':
          this.requestId = value;
          break;
        case 'traceparent':
          // Two are ambiguous: neither is used.
          this.traceparent = this.traceparent === undefined ? value : '';
          break;
        case 'tracestate':
          this.tracestate = this.tracestate === '' ? value : `${this.tracestate},${value}`;
          break;
        case 'connection':
          this.connection = this.connection === '' ? value : `${this.connection}, ${value}`;
          break;
        case 'upgrade':
          this.upgrade = value;
          break;
        case 'expect':
          this.expects = true;
          break;
        case 'content-length':
          this.contentLength = value;
          break;
        case 'transfer-encoding':
          this.transferEncoding = this.transferEncoding === undefined ? value : `${this.transferEncoding}, ${value}`;
          break;
        case 'drop':
          break;
      }
    }
    if (this.connection !== '') this.dropNamed();
  }

  /** `Connection` may name further headers to drop, except those that frame or identify the request. */
  private dropNamed(): void {
    const named = namedBy(this.connection);
    if (named.size === 0) return;
    for (const headers of [this.forwarded, this.declared]) headers.splice(0, Infinity, ...withoutNamed(headers, named));
  }

  /** Adds the headers that a route declares to the forwarded ones. */
  forwardDeclared(declaredByRoute: ReadonlySet<string>): void {
    for (let place = 0; place < this.declared.length; place += 2) {
      const name = this.declared[place] ?? '';
      if (declaredByRoute.has(name)) this.forwarded.push(name, this.declared[place + 1] ?? '');
    }
  }
}

const notRemovable = new Set(['keep-alive', 'close', 'upgrade', 'te', 'authorization', 'content-type', '']);

const nothingNamed: ReadonlySet<string> = new Set();

/** The headers that a `Connection` value names, in lower case, except those that it must not remove. */
function namedBy(connection: string): ReadonlySet<string> {
  if (notRemovable.has(connection)) return nothingNamed;
  const names = connection.split(',').map((one) => one.trim().toLowerCase());
  return new Set(names.filter((name) => !notRemovable.has(name)));
}

function withoutNamed(headers: readonly string[], named: ReadonlySet<string>): string[] {
  return headers.filter((_, place) => !named.has((headers[place - (place % 2)] ?? '').toLowerCase()));
}

/** Response headers that the gateway does not forward. */
const droppedResponseHeaders = new Set([
  ...[
    'connection',
    'keep-alive',
    'proxy-connection',
    'proxy-authenticate',
    'proxy-authentication-info',
    'te',
    'trailer',
  ],
  ...['transfer-encoding', 'upgrade', 'x-cube-target', 'x-cube-token', 'x-cube-source', 'http2-settings'],
  // In a cached response they belong to another request; the gateway adds its own request id, and no trace.
  'x-request-id',
  'traceparent',
]);

export interface ResponseHeaders {
  /** As name, value, name, value. */
  readonly forwarded: string[];
  readonly length: number | null;
  readonly isEventStream: boolean;
  /** The id of the call that it answers; empty without one. */
  readonly callId: string;
}

type ResponseHeaderKind = 'pass' | 'drop' | 'connection' | 'content-length' | 'content-type' | 'call';

/** As `HeaderNames`, for the responses of upstreams. */
export class ResponseHeaderReader {
  private readonly known = new Map<string, ResponseHeaderKind>();

  /** Parses the headers of a response, names and values in turn. `bodiless` responses carry no length. */
  read(raw: readonly Buffer[], bodiless: boolean): ResponseHeaders {
    const passed: string[] = [];
    let length: number | null = null;
    let isEventStream = false;
    let connection = '';
    let callId = '';
    for (let place = 0; place < raw.length; place += 2) {
      const name = raw[place]?.toString('latin1') ?? '';
      const value = raw[place + 1]?.toString('latin1') ?? '';
      const kind = this.kindOf(name);
      if (kind === 'drop') continue;
      if (kind === 'connection') {
        connection = value;
        continue;
      }
      if (kind === 'call') {
        callId = value;
        continue;
      }
      if (kind === 'content-length') {
        if (bodiless) continue;
        length = Number(value);
      }
      if (kind === 'content-type') isEventStream = value.startsWith('text/event-stream');
      passed.push(name, value);
    }
    const named = connection === '' ? undefined : namedBy(connection);
    return {
      forwarded: named === undefined || named.size === 0 ? passed : withoutNamed(passed, named),
      length,
      isEventStream,
      callId,
    };
  }

  private kindOf(name: string): ResponseHeaderKind {
    const known = this.known.get(name);
    if (known !== undefined) return known;
    const lower = name.toLowerCase();
    const kind = responseKindOf(lower);
    if (name.length <= maxName && this.known.size < maxNames) this.known.set(name, kind);
    return kind;
  }
}

function responseKindOf(lower: string): ResponseHeaderKind {
  switch (lower) {
    case 'connection':
    case 'content-length':
    case 'content-type':
      return lower;
    case callHeader:
      return 'call';
    default:
      return droppedResponseHeaders.has(lower) ? 'drop' : 'pass';
  }
}
