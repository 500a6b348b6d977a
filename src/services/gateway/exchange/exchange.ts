import type { TrafficName } from '../../../domain/cubes.js';
import type { Side } from '../../../domain/side.js';
import type { Intent } from '../../../domain/traffic/routing.js';
import { retryAfterOf } from '../../../upstream/retry-budget.js';
import { outcomeOfStatus, type Upstream } from '../../../upstream/upstream.js';
import type { AdmittedRequest } from '../admission/admission.js';
import { BodyTooLarge, discardBody, RequestBody, readBody } from '../admission/request-body.js';
import type { Waiting } from '../admission/waiting-room.js';
import type { GatewayContext, SidesOfCube } from '../context.js';
import { bindingsOf, logFailure } from '../observation/log.js';
import { clientClosedRequest, recordOutcome } from '../observation/record-outcome.js';
import { intentOf, legacyMayServe, sideFor } from '../routing/side-choice.js';
import { isCacheable, lookUpResponse } from './cached-response.js';
import type { OpenExchange } from './open-exchanges.js';
import { type OutgoingRequest, retryDelayOf, send } from './outgoing.js';
import { bodyTooLarge, type GatewayRefusal, notServed, refusals, stillHeld } from './refusals.js';
import { ResponseWriter, type WriterListener } from './response-writer.js';
import { sendRefusal } from './send-refusal.js';
import { type UpstreamListener, UpstreamRequest } from './upstream-request.js';

type Phase = 'reading' | 'held' | 'waiting' | 'answering' | 'over';

/** One request, from its admission to its response. */
export class Exchange implements UpstreamListener, WriterListener, OpenExchange {
  /** Its index among the open exchanges. */
  index = -1;
  private phase: Phase = 'reading';
  private deadline: number;
  private body: Buffer | RequestBody | null = null;
  private side: Side | null = null;
  private upstreamRequest: UpstreamRequest | null = null;
  private upstream: Upstream | null = null;
  /** Whether the upstream's failure is of what the request names alone. */
  private isOfItem = false;
  private retried = false;
  private countedIntent: Intent | null = null;
  private waiting: Waiting | null = null;
  private writer: ResponseWriter | null = null;
  private backOff: NodeJS.Timeout | undefined;
  private readonly sides: SidesOfCube;

  constructor(
    private readonly context: GatewayContext,
    private readonly request: AdmittedRequest,
  ) {
    this.deadline = request.startedAt + context.limits.requestMillis;
    this.sides = context.sidesOf(request.route.label);
  }

  start(): void {
    const { res, route } = this.request;
    this.context.exchanges.add(this);
    res.once('close', () => this.onClientClose());
    readBody(this.request, route.maxBodyBytes, (body) => this.onBody(body));
  }

  checkDeadline(now: number): void {
    if (this.phase === 'answering' && this.writer?.isEventStream === true) this.endIfTokenInvalid(this.writer);
    if (now < this.deadline) return;
    switch (this.phase) {
      case 'reading':
        this.refuse(refusals.slow);
        break;
      case 'held':
        this.refuse(stillHeld(1));
        break;
      case 'waiting': {
        // The client is not slow where the upstream does not read the body.
        const slowClient = !this.request.req.complete && !(this.body instanceof RequestBody && this.body.isBackedUp);
        this.upstreamRequest?.abort(slowClient ? 'abandoned' : 'timed_out');
        this.refuse(slowClient ? refusals.slow : refusals.timedOut);
        break;
      }
      case 'answering':
        if (this.writer?.isBackedUp === true) {
          this.request.res.destroy();
          this.onClientClose();
          break;
        }
        this.upstreamRequest?.abort('timed_out');
        this.refuse(refusals.timedOut);
        break;
      case 'over':
        break;
    }
  }

  /** A stream of events ends with the validity of its token. */
  private endIfTokenInvalid(writer: ResponseWriter): void {
    if (this.context.isStillValid(this.request.authorization)) return;
    this.upstreamRequest?.abort('answered', true);
    if (writer.isBackedUp) this.request.res.destroy();
    else writer.end();
    this.finish(writer.status, false);
  }

  abort(): void {
    this.upstreamRequest?.abort('abandoned');
    this.request.res.destroy();
  }

  private onBody(body: Buffer | RequestBody | 'too_large' | 'broken_off' | null): void {
    if (this.phase === 'over' || body === 'broken_off') return;
    if (body === 'too_large') {
      this.refuse(bodyTooLarge(this.request.route.maxBodyBytes));
      return;
    }
    if (body instanceof RequestBody) body.onProgress = () => this.onBodyProgress();
    this.body = body;
    this.route();
  }

  /** A file has no time limit while parts arrive; other bodies have one from the start. */
  private onBodyProgress(): void {
    if (this.request.route.carriesFiles && this.phase === 'waiting')
      this.extendDeadline(this.context.limits.idleMillis);
  }

  private extendDeadline(millis: number): void {
    this.deadline = this.context.now() + millis;
  }

  /** Waits while a hold applies, then forwards to the side that serves the request. */
  private route(): void {
    const { route } = this.request;
    const { trafficName } = route.cube;
    const intent = intentOf(route, this.body);
    if (trafficName !== null) {
      if (this.context.waitingRoom.holds(trafficName, intent)) {
        this.waitForHold(trafficName, intent);
        return;
      }
      this.context.inFlight.begin(trafficName, intent);
      this.countedIntent = intent;
    }
    const side = sideFor(this.context, route, this.request.user, intent);
    this.phase = 'waiting';
    if (this.request.req.complete || this.body === null || Buffer.isBuffer(this.body))
      this.extendDeadline(this.context.limits.responseMillis);
    if (this.body === null && isCacheable(this.request)) void this.serveFromCache(side);
    else this.forward(side);
  }

  private waitForHold(name: TrafficName, intent: Intent): void {
    this.waiting = this.context.waitingRoom.enter(name, intent, () => this.route());
    if (this.waiting === null) {
      this.refuse(stillHeld(1));
      return;
    }
    this.phase = 'held';
    this.extendDeadline(this.context.limits.holdMillis);
  }

  private get legacyMayServe(): boolean {
    return legacyMayServe(this.context, this.request.route);
  }

  private forward(side: Side, except?: UpstreamRequest): void {
    const { context, request } = this;
    this.side = side;
    const upstream = this.sides[side];
    if (upstream === null) {
      this.refuse(notServed('nobody', request.route.cube.prefix ?? '/'));
      return;
    }
    const attempt = upstream.begin(request.route.endpoint, except?.attempt.member);
    if (typeof attempt === 'string') {
      if (side === 'cube' && this.legacyMayServe) {
        context.metrics.countFallback(request.route.label, attempt);
        this.forward('legacy');
      } else {
        const { endpoint, cube } = request.route;
        this.refuse(notServed(attempt, cube.prefix ?? '/', upstream.openForMillis(endpoint)));
      }
      return;
    }
    if (this.upstream === null) {
      this.upstream = upstream;
      upstream.budget.begin();
    }
    this.upstreamRequest = new UpstreamRequest(this, attempt, side);
    send(context, this.outgoing(), this.upstreamRequest);
  }

  private outgoing(): OutgoingRequest {
    return { request: this.request, body: this.body, deadline: this.deadline };
  }

  onHeaders(upstreamRequest: UpstreamRequest, status: number, raw: Buffer[], resume: () => void): boolean {
    const head = this.context.responseHeaders.read(raw, status === 204);
    this.isOfItem = head.isOfItem;
    if (status === 503 && this.retry(upstreamRequest, retryAfterOf(head.forwarded))) {
      upstreamRequest.abort(outcomeOfStatus(status, head.isOfItem), true);
      return true;
    }
    if (upstreamRequest.attempt.isCrossUser(head.callId)) {
      upstreamRequest.abort('failed', true);
      this.refuse(refusals.crossUser);
      return true;
    }
    this.phase = 'answering';
    this.extendDeadline(head.isEventStream ? Number.POSITIVE_INFINITY : this.context.limits.idleMillis);
    const { request, context } = this;
    const { side } = upstreamRequest;
    this.writer = new ResponseWriter(request, status, head, side, context.responseBatcher, this, resume);
    this.writer.open();
    return true;
  }

  onData(chunk: Buffer): boolean {
    const { writer } = this;
    if (writer === null) return true;
    const written = writer.write(chunk);
    if (written === 'complete') {
      this.finishResponse(writer.status);
      return true;
    }
    if (written === 'backed_up' || !writer.isEventStream) this.extendDeadline(this.context.limits.idleMillis);
    return written === 'more';
  }

  /** The client has read what was written: the upstream may send more. */
  onDrained(writer: ResponseWriter): void {
    if (this.phase !== 'answering') return;
    this.extendDeadline(writer.isEventStream ? Number.POSITIVE_INFINITY : this.context.limits.idleMillis);
    writer.resume();
  }

  onComplete(): void {
    if (this.writer === null) return;
    this.writer.end();
    this.finishResponse(this.writer.status);
  }

  private finishResponse(status: number): void {
    this.upstreamRequest?.end(outcomeOfStatus(status, this.isOfItem), true);
    this.finish(status, status >= 500);
  }

  onError(upstreamRequest: UpstreamRequest, error: Error): void {
    if (error instanceof BodyTooLarge) {
      upstreamRequest.end('abandoned', false);
      this.refuse(bodyTooLarge(this.request.route.maxBodyBytes));
      return;
    }
    if (this.request.req.destroyed && !this.request.req.complete) {
      // The client disconnected within its body; its end is counted when the connection closes.
      upstreamRequest.end('abandoned', false);
      return;
    }
    const repeats = this.serveFromLegacy(upstreamRequest) || this.retry(upstreamRequest, undefined);
    upstreamRequest.end('failed', false);
    if (!repeats) this.refuse(error.name === 'HTTPParserError' ? refusals.notHttp : refusals.failed);
  }

  /**
   * Sends a request whose connection to the cube failed before it had any effect to legacy at once, while legacy is the owner.
   * The retry budget does not apply, since the failing side gets no more load; the ramp learns it from readiness.
   */
  private serveFromLegacy(upstreamRequest: UpstreamRequest): boolean {
    const { context, request } = this;
    if (upstreamRequest.side !== 'cube' || this.phase !== 'waiting' || !this.legacyMayServe) return false;
    if (retryDelayOf(context, this.outgoing(), upstreamRequest, undefined) === null) return false;
    context.metrics.countFallback(request.route.label, 'repeated');
    this.forward('legacy');
    return true;
  }

  /** Schedules one retry where it is safe and the budget allows; false otherwise. */
  private retry(upstreamRequest: UpstreamRequest, retryAfter: string | undefined): boolean {
    const { context, request, upstream } = this;
    if (this.retried || this.phase !== 'waiting' || upstream === null) return false;
    const goesToLegacy = () => {
      const alone = this.sides[upstreamRequest.side]?.hasSingleEndpoint ?? true;
      return upstreamRequest.side === 'cube' && alone && this.legacyMayServe;
    };
    // What the cube says of itself is not a reason to wait for legacy.
    const wait = retryDelayOf(context, this.outgoing(), upstreamRequest, goesToLegacy() ? undefined : retryAfter);
    if (wait === null || !upstream.budget.take()) return false;
    this.retried = true;
    this.backOff = setTimeout(() => {
      if (goesToLegacy()) {
        context.metrics.countFallback(request.route.label, 'repeated');
        this.forward('legacy');
      } else this.forward(upstreamRequest.side, upstreamRequest);
    }, wait);
    return true;
  }

  private async serveFromCache(side: Side): Promise<void> {
    const { request, context } = this;
    try {
      const found = await lookUpResponse(context, request, side, this.sides, this.legacyMayServe);
      this.side = found.side;
      if (this.isOver()) return;
      if (found.kind === 'refused') this.refuse(found.refused);
      else if (found.kind === 'too_large') this.forward(found.side);
      else {
        request.res.writeHead(found.response.status, found.headers);
        request.res.end(found.response.body);
        this.finish(found.response.status, found.response.status >= 500);
      }
    } catch (error) {
      context.log.error({ ...bindingsOf(request), error }, 'a cached response failed');
      if (!this.isOver()) this.refuse(refusals.unexpected);
    }
  }

  private isOver(): boolean {
    return this.phase === 'over';
  }

  /** Answers with a problem; a response that has started is aborted, so that the client does not take it for complete. */
  private refuse(refused: GatewayRefusal): void {
    const { res, requestId } = this.request;
    if (this.phase === 'over') return;
    if (refused.status >= 500) logFailure(this.context, this.request, this.side, refused);
    if (this.writer?.started === true) res.destroy();
    else {
      const target = this.side === null ? [] : ['X-Cube-Target', this.side];
      sendRefusal(res, refused, [...target, 'X-Request-Id', requestId]);
    }
    this.finish(refused.status, refused.status >= 500);
  }

  private onClientClose(): void {
    if (this.phase === 'over') return;
    this.upstreamRequest?.abort('abandoned');
    this.finish(clientClosedRequest, false);
  }

  /** Ends and counts the exchange, once. `failed` as the client saw it: 5xx, time-out, or an incomplete response. */
  private finish(status: number, failed: boolean): void {
    const { context, request, side, countedIntent, body } = this;
    const { trafficName } = request.route.cube;
    if (this.phase === 'over') return;
    this.phase = 'over';
    this.waiting?.leave();
    clearTimeout(this.backOff);
    context.exchanges.delete(this);
    this.upstream?.budget.end(this.retried);
    if (countedIntent !== null && trafficName !== null) context.inFlight.end(trafficName, countedIntent);
    recordOutcome(context, request, { status, failed, side, intent: countedIntent, body });
    discardBody(request.req);
  }
}
