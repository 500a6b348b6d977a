import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CubeIdentity } from '../../../auth/tokens.js';
import type { UserBytes } from '../../../domain/traffic/routing.js';
import { type TraceContext, Traces, traceparentOf } from '../../../http/trace.js';
import type { GatewayLimits } from '../context.js';
import { type GatewayRefusal, refusals, tooManyRequests } from '../exchange/refusals.js';
import type { Route, RouteTable } from '../routing/routes.js';
import { canonicalTarget } from './canonical-path.js';
import { HeaderNames } from './header-names.js';
import type { Identities } from './identity.js';
import { isHttp } from './protocol-check.js';
import type { CountedBy, RateLimit } from './rate-limits.js';
import { RequestHeaders } from './request-headers.js';

/** What the gateway knows of an admitted request. */
export interface Admission {
  readonly route: Route;
  /** Canonical, without the prefix, with the query. */
  readonly target: string;
  readonly headers: RequestHeaders;
  /** The headers for the upstream, names and values in turn. */
  readonly forwarded: readonly string[];
  readonly user: UserBytes | null;
  /** As received: a valid bearer token of a user or of a cube. */
  readonly authorization: string | undefined;
  /** Whether the bearer token is a cube's: legacy never gets it. */
  readonly isCube: boolean;
  /** The key of its rate limit by address; null where an edge does not name the client. */
  readonly client: string | null;
  readonly synthetic: boolean;
  readonly requestId: string;
  readonly trace: TraceContext;
}

/** An admitted request that the gateway answers itself. */
export interface OwnCall {
  /** The pattern for metrics. */
  readonly endpoint: string;
  /** Canonical. */
  readonly path: string;
  readonly query: string;
  readonly cube: CubeIdentity | null;
  readonly requestId: string;
}

/** An admitted request with its streams. */
export interface AdmittedRequest extends Admission {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly method: string;
  readonly startedAt: number;
}

/** Rate limits by address and by subject; null without a limit. */
export type RateLimits = Readonly<Record<CountedBy, Pick<RateLimit, 'take'> | null>>;

export interface AdmissionOptions {
  readonly limits: GatewayLimits;
  readonly routes: RouteTable;
  /** The pattern of the gateway's own endpoint at a path; null for a path of a cube. */
  readonly ownEndpoint: (path: string) => string | null;
  readonly identities: Identities;
  readonly rateLimits: RateLimits;
  /** Part of the ids of requests that arrive without one. */
  readonly instanceId: string;
}

/**
 * Parses and validates a request, in one place and before any other code uses it, and refuses what is ambiguous. It applies to
 * every request: forwarded, upgraded, or answered by the gateway itself.
 */
export class AdmissionControl {
  private readonly headerNames: HeaderNames;
  private readonly traces = new Traces();
  private requests = 0;

  constructor(private readonly options: AdmissionOptions) {
    this.headerNames = new HeaderNames(options.routes.declaredHeaders);
  }

  /** `upgrades`: whether the connection is to become a WebSocket. */
  admit(req: IncomingMessage, upgrades: boolean): Admission | OwnCall | GatewayRefusal {
    const { limits, routes, identities, rateLimits, ownEndpoint } = this.options;
    const { url = '', method = '', rawHeaders } = req;
    if (url.length > limits.urlBytes) return refusals.url;
    if (rawHeaders.length > limits.headers * 2) return refusals.headers;
    const headers = new RequestHeaders(rawHeaders, this.headerNames);
    if (headers.bytes > limits.headerBytes) return refusals.headers;
    const peer = identities.peerOf(req.socket);
    const counted = rateLimits.address !== null || upgrades;
    const client = peer.trusted && counted ? identities.clientOf(headers.forwardedFor) : peer.client;
    if (rateLimits.address !== null) {
      // Before the token check, so that guessing tokens is limited too.
      const waitMillis = client === null ? 0 : rateLimits.address.take(client);
      if (waitMillis > 0) return tooManyRequests('address', waitMillis);
    }
    const unclear = peer.framingLost ? refusals.protocol : checkFraming(req, headers);
    if (unclear !== null) {
      peer.framingLost = true;
      return unclear;
    }
    const canonical = canonicalTarget(url);
    if (canonical === null) return refusals.path;
    if (headers.hosts > 1 || (headers.hosts === 0 && req.httpVersionMinor === 1)) return refusals.host;
    if (headers.upgrade !== undefined && !upgrades) return refusals.upgrade;
    if (upgrades && (headers.upgrade?.toLowerCase() !== 'websocket' || method !== 'GET')) return refusals.upgrade;
    if (method === 'TRACE') return refusals.method;
    const identified = identities.identify(headers, peer.trusted);
    if ('refused' in identified) return identified.refused;
    const { user, cube } = identified.caller;
    if (user !== null && rateLimits.subject !== null) {
      const waitMillis = rateLimits.subject.take(user);
      if (waitMillis > 0) return tooManyRequests('subject', waitMillis);
    }
    const endpoint = ownEndpoint(canonical.path);
    const match = endpoint === null ? routes.find(method, canonical.path) : null;
    if (headers.expects && !mayContinue(req, match)) return refusals.expectation;
    if (endpoint !== null) {
      return { endpoint, ...canonical, cube, requestId: this.requestIdOf(headers.requestId) };
    }
    if (match === null) return refusals.notFound;
    if (headers.declared.length > 0) headers.forwardDeclared(match.route.headers);
    const requestId = this.requestIdOf(headers.requestId);
    const trace = this.traces.continue(headers.traceparent);
    const { forwarded } = headers;
    forwarded.push('x-cube-source', 'api-gateway', 'x-request-id', requestId, 'x-forwarded-host', headers.host);
    forwarded.push(
      'x-forwarded-for',
      peer.trusted && headers.forwardedFor !== '' ? `${headers.forwardedFor}, ${peer.address}` : peer.address,
      'x-forwarded-proto',
      peer.trusted && headers.forwardedProto === 'https' ? 'https' : 'http',
    );
    if (user !== null) forwarded.push('x-user-id', user);
    forwarded.push('traceparent', traceparentOf(trace));
    if (trace.continued && headers.tracestate !== '') forwarded.push('tracestate', headers.tracestate);
    return {
      route: match.route,
      target: match.path + canonical.query,
      headers,
      forwarded,
      user,
      authorization: headers.authorization,
      isCube: cube !== null,
      client,
      synthetic: headers.synthetic && peer.trusted,
      requestId,
      trace,
    };
  }

  /** The id of a request that is refused. */
  requestIdForRefusal({ headers }: IncomingMessage): string {
    return this.requestIdOf(String(headers['x-request-id'] ?? ''));
  }

  /** A new id: for a request without one, and for the gateway's own calls. */
  newRequestId(): string {
    this.requests++;
    return `${this.options.instanceId}-${this.requests.toString(36)}`;
  }

  /** The client's id where it is safe in a log line, otherwise a new one. */
  private requestIdOf(given: string): string {
    return given !== '' && /^[\w.:-]{1,128}$/.test(given) ? given : this.newRequestId();
  }
}

/** Whether a client that waits for it may be asked to continue: with a file, which many programs announce so. */
export function mayContinue(req: IncomingMessage, match: { readonly route: Route } | null): boolean {
  return (
    match?.route.carriesFiles === true && req.method === 'POST' && /^100-continue$/i.test(req.headers.expect ?? '')
  );
}

/** The refusal of a request whose end, and so the start of the next one, is ambiguous; null for a clear one. */
function checkFraming(req: IncomingMessage, { transferEncoding }: RequestHeaders): GatewayRefusal | null {
  if (!isHttp(req)) return refusals.protocol;
  if (transferEncoding === undefined) return null;
  // The only one that everybody reads alike (RFC 9112, sections 6.1 and 6.3).
  const isChunked = req.httpVersionMinor === 1 && transferEncoding.toLowerCase() === 'chunked';
  return isChunked ? null : refusals.encoding;
}

export function isOwnCall(admitted: Admission | OwnCall): admitted is OwnCall {
  return 'endpoint' in admitted;
}

export function isRefusal(admitted: Admission | OwnCall | GatewayRefusal): admitted is GatewayRefusal {
  return 'problem' in admitted;
}
