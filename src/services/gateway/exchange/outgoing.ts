import type { Dispatcher } from 'undici';
import type { Side } from '../../../domain/traffic/routing.js';
import { deadlineHeader, deadlineLeft } from '../../../upstream/deadline.js';
import { isSafe, retryDelay } from '../../../upstream/retry-budget.js';
import { callHeader } from '../../../upstream/upstream.js';
import type { AdmittedRequest } from '../admission/admission.js';
import { RequestBody } from '../admission/request-body.js';
import type { GatewayContext } from '../context.js';
import type { UpstreamRequest } from './upstream-request.js';

/** A request as upstreams are asked it. */
export interface OutgoingRequest {
  readonly request: AdmittedRequest;
  readonly body: Buffer | RequestBody | null;
  /** By the gateway's clock. */
  readonly deadline: number;
}

/** The headers of a request for a side, names and values in turn: what a client's cube token may, legacy does not hear of. */
export function headersFor(
  { forwarded, authorization, isCube }: Pick<AdmittedRequest, 'forwarded' | 'authorization' | 'isCube'>,
  side: Side,
): string[] {
  const headers = forwarded.slice();
  if (authorization !== undefined && !(isCube && side === 'legacy')) headers.push('authorization', authorization);
  return headers;
}

/** Asks the member that `leg` was begun for; its listener hears what comes of it. */
export function send(
  context: Pick<GatewayContext, 'hopToken' | 'now'>,
  { request, body, deadline }: OutgoingRequest,
  leg: UpstreamRequest,
): void {
  const headers = headersFor(request, leg.side);
  if (leg.side === 'cube') headers.push('x-cube-token', context.hopToken(request.route.label));
  if (leg.attempt.callId !== '') headers.push(callHeader, leg.attempt.callId);
  // A file takes as long as something comes.
  if (!request.route.carriesFiles) headers.push(deadlineHeader, deadlineLeft(deadline, context.now()));
  if (body instanceof RequestBody && request.headers.contentLength !== undefined)
    headers.push('content-length', request.headers.contentLength);
  const method = request.method as Dispatcher.HttpMethod;
  leg.attempt.member.connections.dispatch({ method, path: request.target, headers, body }, leg);
}

/** Milliseconds until a request may be sent again that `leg` could not have answered; null where that could do harm. */
export function retryDelayOf(
  context: Pick<GatewayContext, 'now' | 'random'>,
  { request, body, deadline }: OutgoingRequest,
  leg: UpstreamRequest,
  retryAfter: string | undefined,
): number | null {
  const whole = body === null || Buffer.isBuffer(body);
  if (leg.sent && !(whole && isSafe(request.method))) return null;
  const wait = retryDelay(retryAfter, context.random);
  return context.now() + wait < deadline ? wait : null;
}
