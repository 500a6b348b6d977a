import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { type AdmissionControl, isOwnCall, isRefusal, mayContinue } from './admission/admission.js';
import { discardBody } from './admission/request-body.js';
import type { GatewayContext } from './context.js';
import { Exchange } from './exchange/exchange.js';
import { type GatewayRefusal, refusals } from './exchange/refusals.js';
import { sendRefusal } from './exchange/send-refusal.js';
import { logUnexpected } from './observation/log.js';
import type { OwnEndpoints } from './own-endpoints.js';

/** Answers every HTTP request of the server: refused, by an own endpoint, or by an exchange with an upstream. */
export function listenForRequests(
  server: Server,
  context: GatewayContext,
  admission: AdmissionControl,
  own: OwnEndpoints,
): void {
  const { metrics, now, log } = context;

  function handle(req: IncomingMessage, res: ServerResponse, startedAt: number): void {
    const admitted = admission.admit(req, false);
    if (isRefusal(admitted)) {
      refuse(req, res, admitted, startedAt);
      return;
    }
    if (isOwnCall(admitted)) {
      res.setHeader('X-Request-Id', admitted.requestId);
      const status = own.answer(req, res, admitted);
      metrics.count(req.method ?? '', admitted.endpoint, status, (now() - startedAt) / 1000);
      return;
    }
    // Each by its name: V8 allocates an object with spread properties in its old generation, a kilobyte a request.
    const { route, target, headers, forwarded, user, authorization, isCube, client, synthetic, requestId, trace } =
      admitted;
    if (mayContinue(req, admitted) && Number(headers.contentLength ?? 0) <= route.maxBodyBytes) res.writeContinue();
    const method = req.method ?? 'GET';
    const request = {
      route,
      target,
      headers,
      forwarded,
      user,
      authorization,
      isCube,
      client,
      synthetic,
      requestId,
      trace,
      req,
      res,
      method,
      startedAt,
    };
    new Exchange(context, request).start();
  }

  function refuse(req: IncomingMessage, res: ServerResponse, refused: GatewayRefusal, startedAt: number): void {
    sendRefusal(res, refused, ['X-Request-Id', admission.requestIdForRefusal(req)]);
    metrics.count(req.method ?? '', 'refused', refused.status, (now() - startedAt) / 1000);
    discardBody(req);
  }

  // Without the two others Node would answer `Expect` headers itself.
  for (const event of ['request', 'checkContinue', 'checkExpectation'] as const)
    server.on(event, (req: IncomingMessage, res: ServerResponse) => {
      const startedAt = now();
      try {
        handle(req, res, startedAt);
      } catch (error) {
        const requestId = admission.requestIdForRefusal(req);
        logUnexpected(log, requestId, error);
        if (res.headersSent) res.destroy();
        else sendRefusal(res, refusals.unexpected, ['X-Request-Id', requestId]);
      }
    });
}
