import { Failure } from '../../../base/failures.js';
import type { Side } from '../../../domain/traffic/routing.js';
import { callUpstream } from '../../../upstream/call.js';
import type { CachedResponse } from '../../../upstream/response-cache.js';
import type { AdmittedRequest } from '../admission/admission.js';
import type { GatewayContext, SidesOfCube } from '../context.js';
import { headersFor } from './outgoing.js';
import { type GatewayRefusal, notServed, refusal } from './refusals.js';

export type CacheLookup =
  | { readonly kind: 'answer'; readonly side: Side; readonly answer: CachedResponse; readonly headers: string[] }
  | { readonly kind: 'refused'; readonly side: Side; readonly refused: GatewayRefusal }
  /** Nothing to keep; it is to be forwarded as others are. */
  | { readonly kind: 'too_large'; readonly side: Side };

const maxResponseBytes = 1024 * 1024;
/** Headers by which a request asks for another thing than the plain answer that everybody gets. */
const special = new Set([
  'cookie',
  'range',
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
  'cache-control',
  'pragma',
]);

/** All that an upstream hears of a client at a cacheable route, beside its user: each is part of what the answer is kept under. */
const keyed = new Set([
  ...['accept', 'accept-charset', 'accept-encoding', 'accept-language', 'authorization', 'origin'],
  ...['x-forwarded-host', 'x-forwarded-proto', 'x-user-id'],
]);

/** Whether a request may be answered from the cache: nothing with a bearer, unless the bearer names the user. */
export function isCacheable({ route, method, headers, user, forwarded }: AdmittedRequest): boolean {
  if (!route.cacheable || method !== 'GET') return false;
  if (headers.authorization !== undefined && user === null) return false;
  return !forwarded.some((name, place) => place % 2 === 0 && special.has(name));
}

function keyedHeaders(headers: readonly string[]): readonly string[] {
  return headers.filter((_, place) => keyed.has(headers[place - (place % 2)] ?? ''));
}

/** The answer of a side, kept or fetched; legacy's where the cube cannot be asked and legacy may serve. */
export async function lookUpResponse(
  context: GatewayContext,
  request: AdmittedRequest,
  side: Side,
  sides: SidesOfCube,
  legacyMayServe: boolean,
): Promise<CacheLookup> {
  const { route, user } = request;
  const upstream = sides[side];
  if (upstream === null) return { kind: 'refused', side, refused: notServed('nobody', route.cube.prefix ?? '/') };
  const epoch = route.cube.trafficName === null ? 0 : context.ownershipOf(route.cube.trafficName).epoch;
  const version = side === 'cube' ? sides.cubeVersion() : '';
  const fetch = (headers: readonly string[]) =>
    callUpstream(upstream, {
      method: request.method,
      path: request.target,
      route: route.endpoint,
      // The call is the gateway's own: its name is no client's, since its answer may go to others too.
      headers: [
        ...headers,
        ...['x-cube-source', 'api-gateway', 'x-request-id', context.newRequestId()],
        ...(side === 'cube' ? ['x-cube-token', context.hopToken(route.label)] : []),
      ],
      limitMillis: context.limits.responseMillis,
      maxResponseBytes,
    });
  // A repeated call may have met another version than the first one.
  const mayKeep = () => side !== 'cube' || sides.cubeVersion() === version;
  try {
    const subject = { method: request.method, url: `${route.label}${request.target}`, user, side, version, epoch };
    const { answer, ageSeconds } = await context.cache.get(
      subject,
      keyedHeaders(headersFor(request, side)),
      fetch,
      mayKeep,
    );
    const { forwarded } = context.responseHeaders.read(
      answer.headers.map((part) => Buffer.from(part, 'latin1')),
      false,
    );
    forwarded.push('X-Cube-Target', side, 'Age', String(ageSeconds), 'X-Request-Id', request.requestId);
    return { kind: 'answer', side, answer, headers: forwarded };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (error.type === 'answer_too_large') return { kind: 'too_large', side };
    if (error.type === 'upstream_unavailable' && side === 'cube' && legacyMayServe) {
      context.metrics.countFallback(route.label, 'nobody');
      return lookUpResponse(context, request, 'legacy', sides, false);
    }
    return {
      kind: 'refused',
      side,
      refused: refusal(error, undefined, error.type === 'upstream_unavailable' ? 5 : undefined),
    };
  }
}
