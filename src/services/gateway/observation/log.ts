import type { Logger } from 'pino';
import { kindAndPlace } from '../../../base/failures.js';
import type { Side } from '../../../domain/side.js';
import { traceBindings } from '../../../http/trace.js';
import type { Admission } from '../admission/admission.js';
import type { GatewayContext } from '../context.js';
import type { GatewayRefusal } from '../exchange/refusals.js';

type LoggedRequest = Pick<Admission, 'requestId' | 'trace' | 'route'>;

/** Fields that identify a request in this log and in those of the services. */
export function bindingsOf({ requestId, trace, route }: LoggedRequest) {
  return { request_id: requestId, ...traceBindings(trace), cube: route.label, endpoint: route.endpoint };
}

/** Logs why a request was not served. */
export function logFailure(
  { log }: Pick<GatewayContext, 'log'>,
  request: LoggedRequest,
  target: Side | null,
  { status, problem }: GatewayRefusal,
): void {
  log.warn({ ...bindingsOf(request), target, status }, problem.detail);
}

/** Logs an error of the gateway's own code, without its message: that may contain parts of the request. */
export function logUnexpected(log: Logger, requestId: string, error: unknown): void {
  log.error(
    { request_id: requestId, error: error instanceof Error ? kindAndPlace(error, 3) : typeof error },
    'a request failed in the gateway',
  );
}
