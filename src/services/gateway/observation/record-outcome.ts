import type { Side } from '../../../domain/side.js';
import type { Intent, UserBytes } from '../../../domain/traffic/routing.js';
import type { AdmittedRequest } from '../admission/admission.js';
import { RequestBody } from '../admission/request-body.js';
import type { GatewayContext } from '../context.js';
import { headersFor } from '../exchange/outgoing.js';
import type { Route } from '../routing/routes.js';

/** nginx's status for a client that closed the connection before its response. */
export const clientClosedRequest = 499;

/** The outcome of a request, as its client saw it. */
export interface ExchangeOutcome {
  readonly status: number;
  /** 5xx, time-out, or an incomplete response. */
  readonly failed: boolean;
  /** Null where no side was called. */
  readonly side: Side | null;
  /** Null where it was not routed, or its cube has no legacy service. */
  readonly intent: Intent | null;
  readonly body: Buffer | RequestBody | null;
}

/** Counts a request at its end, and offers it for shadow comparison. */
export function recordOutcome(context: GatewayContext, request: AdmittedRequest, outcome: ExchangeOutcome): void {
  const { route, user, method } = request;
  const { status, side } = outcome;
  const millis = context.now() - request.startedAt;
  context.metrics.count(method, route.endpoint, status, millis / 1000);
  if (side === null) return;
  context.metrics.seriesOf(route, side).count(status, millis / 1000);
  if (user !== null && !request.synthetic && status !== clientClosedRequest && !isAllowListed(context, route, user)) {
    context.windows.count(route.label, side, user, outcome.failed, millis);
    context.refused.count(route, side, user, status);
  }
  considerShadow(context, request, outcome, millis);
}

function isAllowListed(context: GatewayContext, route: Route, user: UserBytes): boolean {
  const { trafficName } = route.cube;
  return trafficName !== null && context.flags.flagsOf(trafficName).allow.has(user);
}

/** Only requests that read, and whose body is buffered. */
function considerShadow(
  context: GatewayContext,
  request: AdmittedRequest,
  outcome: ExchangeOutcome,
  millis: number,
): void {
  const { route, method } = request;
  const { status, intent, body } = outcome;
  if (context.shadow === null || !route.shadowable || intent !== 'reads' || method === 'HEAD') return;
  if (body instanceof RequestBody || context.sidesOf(route.label).legacy === null) return;
  context.shadow.consider(
    {
      cube: route.label,
      route: route.endpoint,
      requestId: request.requestId,
      method,
      target: request.target,
      predicts: route.predicts,
      isContent: route.carriesFiles,
      headersFor: (side) => headersFor(request, side),
      body,
    },
    { status, millis },
  );
}
