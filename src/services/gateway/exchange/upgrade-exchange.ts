import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Side } from '../../../domain/side.js';
import type { Admission } from '../admission/admission.js';
import type { GatewayContext } from '../context.js';
import { logFailure } from '../observation/log.js';
import type { FallbackReason } from '../observation/metrics.js';
import { clientClosedRequest } from '../observation/record-outcome.js';
import { legacyMayServe, sideFor } from '../routing/side-choice.js';
import { headersFor } from './outgoing.js';
import { type GatewayRefusal, notServed, stillHeld } from './refusals.js';
import { sendRawRefusal } from './send-refusal.js';
import { forwardUpgrade } from './upgrade.js';

/** An admitted request for a WebSocket. */
export interface AdmittedUpgrade extends Admission {
  readonly req: IncomingMessage;
  readonly socket: Socket;
  /** What the client sent after its headers. */
  readonly first: Buffer;
  readonly startedAt: number;
}

/**
 * One request for a WebSocket, from its admission to its response. It counts as a write, since the gateway does not inspect the
 * messages: it waits while writes are held, and is in flight until its response.
 */
export class UpgradeExchange {
  private side: Side | null = null;
  private counted = false;
  private ended = false;

  constructor(
    private readonly context: GatewayContext,
    private readonly request: AdmittedUpgrade,
  ) {}

  start(): void {
    const { socket } = this.request;
    socket.once('close', () => this.finish(clientClosedRequest));
    this.route();
  }

  private route(): void {
    const { context, request } = this;
    const { trafficName } = request.route.cube;
    if (trafficName !== null) {
      if (context.waitingRoom.holds(trafficName, 'writes')) {
        this.waitForHold();
        return;
      }
      context.inFlight.begin(trafficName, 'writes');
      this.counted = true;
    }
    this.forward(sideFor(context, request.route, request.user, 'writes'));
  }

  private waitForHold(): void {
    const { context, request } = this;
    const { trafficName } = request.route.cube;
    if (trafficName === null) return;
    const { socket } = request;
    const stop = () => {
      waiting?.leave();
      clearTimeout(timer);
      socket.off('close', stop);
    };
    const waiting = context.waitingRoom.enter(trafficName, 'writes', () => {
      stop();
      this.route();
    });
    const timer = setTimeout(() => {
      stop();
      this.refuse(stillHeld(1));
    }, context.limits.holdMillis);
    socket.once('close', stop);
    if (waiting !== null) return;
    stop();
    this.refuse(stillHeld(1));
  }

  private forward(side: Side): void {
    const { context, request } = this;
    const { route, req, socket, first, target } = request;
    const headers = headersFor(request, side);
    if (side === 'cube') headers.push('x-cube-token', context.hopToken(route.label));
    this.side = side;
    const upstream = context.sidesOf(route.label)[side];
    const attempt = upstream?.begin(route.endpoint) ?? 'nobody';
    if (typeof attempt === 'string') {
      if (this.fallBack(attempt)) this.forward('legacy');
      else this.refuse(notServed(attempt, route.cube.prefix ?? '/', upstream?.openForMillis(route.endpoint) ?? 0));
      return;
    }
    forwardUpgrade({
      req,
      socket,
      first,
      target,
      headers,
      side,
      requestId: request.requestId,
      attempt,
      responseHeaders: context.responseHeaders,
      responseMillis: context.limits.responseMillis,
      idleMillis: context.limits.idleMillis,
      onUnreachable: () => {
        const fallsBack = this.fallBack('repeated');
        if (fallsBack) this.forward('legacy');
        return fallsBack;
      },
      onResponse: (status) => this.finish(status),
      onRefused: (refused) => this.refuse(refused),
    });
  }

  /** Whether legacy serves the request instead of the cube; counts the fallback. */
  private fallBack(why: FallbackReason): boolean {
    const { context, request, side } = this;
    if (side !== 'cube' || !legacyMayServe(context, request.route)) return false;
    context.metrics.countFallback(request.route.label, why);
    return true;
  }

  private refuse(refused: GatewayRefusal): void {
    logFailure(this.context, this.request, this.side, refused);
    sendRawRefusal(this.request.socket, refused, ['X-Request-Id', this.request.requestId]);
    this.finish(refused.status);
  }

  /** Ends and counts the exchange, once. */
  private finish(status: number): void {
    const { context, request, side } = this;
    if (this.ended) return;
    this.ended = true;
    const { route, startedAt } = request;
    const { trafficName } = route.cube;
    if (this.counted && trafficName !== null) context.inFlight.end(trafficName, 'writes');
    const seconds = (context.now() - startedAt) / 1000;
    context.metrics.count('GET', route.endpoint, status, seconds);
    if (side !== null) context.metrics.seriesOf(route, side).count(status, seconds);
  }
}
