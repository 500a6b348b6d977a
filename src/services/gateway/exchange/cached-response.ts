import { Failure } from '../../../base/failures.js';
import type { Side } from '../../../domain/side.js';
import { callUpstream } from '../../../upstream/call.js';
import type { CachedResponse } from '../../../upstream/response-cache.js';
import type { AdmittedRequest } from '../admission/admission.js';
import type { GatewayContext, SidesOfCube } from '../context.js';
import { headersFor } from './outgoing.js';
import { type GatewayRefusal, notServed, refusal } from './refusals.js';

export type CacheLookup =
  | { readonly kind: 'hit'; readonly side: Side; readonly response: CachedResponse; readonly headers: string[] }
  | { readonly kind: 'refused'; readonly side: Side; readonly refused: GatewayRefusal }
  /** Too large for the cache; forward it as usual. */
  | { readonly kind: 'too_large'; readonly side: Side };

const maxResponseBytes = 1024 * 1024;
/** Headers that select another response than the one for all clients. */
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

/** The headers that an upstream gets at a cacheable route, besides its user: each is part of the cache key. */
const keyed = new Set([
  ...['accept', 'accept-charset', 'accept-encoding', 'accept-language', 'authorization', 'origin'],
  ...['x-forwarded-host', 'x-forwarded-proto', 'x-user-id'],
]);

/** Whether a request may be answered from the cache: not with a bearer token, unless the token names the user. */
export function isCacheable({ route, method, headers, user, forwarded }: AdmittedRequest): boolean {
  if (!route.cacheable || method !== 'GET') return false;
  if (headers.authorization !== undefined && user === null) return false;
  return !forwarded.some((name, index) => index % 2 === 0 && special.has(name));
}

function keyedHeaders(headers: readonly string[]): readonly string[] {
  return headers.filter((_, index) => keyed.has(headers[index - (index % 2)] ?? ''));
}

/** The response of a side, cached or fetched; legacy's where the cube is unavailable and legacy may serve. */
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
      // The call is the gateway's own: its request id is no client's, since the response may go to several.
      headers: [
        ...headers,
        ...['x-cube-source', 'api-gateway', 'x-request-id', context.newRequestId()],
        ...(side === 'cube' ? ['x-cube-token', context.hopToken(route.label)] : []),
      ],
      limitMillis: context.limits.responseMillis,
      maxResponseBytes,
    });
  // A retried call may have reached another version.
  const mayStore = () => side !== 'cube' || sides.cubeVersion() === version;
  try {
    const subject = { method: request.method, url: `${route.label}${request.target}`, user, side, version, epoch };
    const { response, ageSeconds } = await context.cache.get(
      subject,
      keyedHeaders(headersFor(request, side)),
      fetch,
      mayStore,
    );
    const { forwarded } = context.responseHeaders.read(
      response.headers.map((part) => Buffer.from(part, 'latin1')),
      false,
    );
    forwarded.push('X-Cube-Target', side, 'Age', String(ageSeconds), 'X-Request-Id', request.requestId);
    return { kind: 'hit', side, response, headers: forwarded };
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
