import type { Dispatcher } from 'undici';
import type { Side } from '../../../domain/side.js';
import { deadlineHeader, deadlineLeft } from '../../../upstream/deadline.js';
import { isSafe, retryDelay } from '../../../upstream/retry-budget.js';
import { callHeader } from '../../../upstream/upstream.js';
import type { AdmittedRequest } from '../admission/admission.js';
import { RequestBody } from '../admission/request-body.js';
import type { GatewayContext } from '../context.js';
import { intentOf } from '../routing/side-choice.js';
import type { UpstreamRequest } from './upstream-request.js';

/** A request as it is forwarded. */
export interface OutgoingRequest {
  readonly request: AdmittedRequest;
  readonly body: Buffer | RequestBody | null;
  /** By the gateway's clock. */
  readonly deadline: number;
}

/** The headers of a request for a side, names and values in turn. Legacy never gets a cube token. */
export function headersFor(
  { forwarded, authorization, isCube }: Pick<AdmittedRequest, 'forwarded' | 'authorization' | 'isCube'>,
  side: Side,
): string[] {
  const headers = forwarded.slice();
  if (authorization !== undefined && !(isCube && side === 'legacy')) headers.push('authorization', authorization);
  return headers;
}

/** Sends a request to the member of its attempt; the listener gets the events. */
export function send(
  context: Pick<GatewayContext, 'hopToken' | 'now'>,
  { request, body, deadline }: OutgoingRequest,
  upstreamRequest: UpstreamRequest,
): void {
  const headers = headersFor(request, upstreamRequest.side);
  if (upstreamRequest.side === 'cube') headers.push('x-cube-token', context.hopToken(request.route.label));
  if (upstreamRequest.attempt.callId !== '') headers.push(callHeader, upstreamRequest.attempt.callId);
  // A file has no time limit while parts arrive.
  if (!request.route.carriesFiles) headers.push(deadlineHeader, deadlineLeft(deadline, context.now()));
  if (body instanceof RequestBody && request.headers.contentLength !== undefined)
    headers.push('content-length', request.headers.contentLength);
  const method = request.method as Dispatcher.HttpMethod;
  upstreamRequest.attempt.member.connections.dispatch({ method, path: request.target, headers, body }, upstreamRequest);
}

/** Milliseconds before a failed request may be sent again; null where a retry is unsafe. */
export function retryDelayOf(
  context: Pick<GatewayContext, 'now' | 'random'>,
  { request, body, deadline }: OutgoingRequest,
  upstreamRequest: UpstreamRequest,
  retryAfter: string | undefined,
): number | null {
  const isBuffered = body === null || Buffer.isBuffer(body);
  // A prediction, or a calculation that is not saved, is sent with POST and has no effect either.
  const isRepeatable = isSafe(request.method) || intentOf(request.route, body) === 'reads';
  if (upstreamRequest.sent && !(isBuffered && isRepeatable)) return null;
  const wait = retryDelay(retryAfter, context.random);
  return context.now() + wait < deadline ? wait : null;
}
