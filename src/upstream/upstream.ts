import { randomBytes } from 'node:crypto';
import type { Dispatcher } from 'undici';
import { Breaker, type BreakerPermit, type CallOutcome } from './breaker.js';
import { type Endpoint, LoadBalancer, type PoolMember } from './load-balancer.js';
import { RetryBudget } from './retry-budget.js';

export interface UpstreamOptions {
  /** Its current endpoints. The same array until they change. */
  readonly endpoints: () => readonly Endpoint[];
  readonly connect: (url: string) => Dispatcher;
  /** Whether a circuit breaker guards each route. */
  readonly usesBreakers: boolean;
  /** Whether each call carries an id in `callHeader`. Cubes repeat it in their responses: another id belongs to another call. */
  readonly sendsCallIds: boolean;
  /** Maximum of calls in flight; further ones are refused. */
  readonly maxOutstanding: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** 0 to 1. */
  readonly random: () => number;
}

/** The header in which a cube repeats the id of the call that it answers. */
export const callHeader = 'x-cube-call';

/** The header of a 5xx by which a cube says that it cannot serve what the call names, and is itself well. Its value says nothing. */
export const itemFailureHeader = 'x-cube-item-failure';

/** What a response with this status says of the service; `isOfItem`: whether it has `itemFailureHeader`. */
export function outcomeOfStatus(status: number, isOfItem: boolean): CallOutcome {
  if (status < 500) return 'answered';
  return isOfItem ? 'item_failed' : 'failed';
}

/** Why a call cannot be made: no endpoint, an open breaker, or too many calls in flight. */
export type UnavailableReason = 'nobody' | 'broken_off' | 'too_many';

/**
 * A service as its callers see it: load balancing and ejection of its instances, a breaker for each route, a retry budget. The
 * gateway and the calls between cubes both use it.
 */
export class Upstream {
  /** Calls without a response: refused or lost connections, time limits. */
  localFailures = 0;
  /** Responses with 5xx. */
  upstreamFailures = 0;
  /** Responses that belonged to another call: a service mixed up its callers. */
  crossUserResponses = 0;
  outstanding = 0;
  private callCount = 0;
  /** Unique to this process. */
  private readonly callIdPrefix = randomBytes(9).toString('base64url');
  readonly budget = new RetryBudget();
  private readonly balance: LoadBalancer;
  private readonly breakers = new Map<string, Breaker>();

  constructor(private readonly options: UpstreamOptions) {
    this.balance = new LoadBalancer(options);
  }

  /** Whether a retry has no other endpoint to go to. */
  get hasSingleEndpoint(): boolean {
    return this.options.endpoints().length < 2;
  }

  /** Chooses an endpoint; the caller completes the attempt, once. `except` is the member of the attempt before, if any. */
  begin(route: string, except?: PoolMember): Attempt | UnavailableReason {
    this.balance.update(this.options.endpoints());
    if (this.balance.size === 0) return 'nobody';
    if (this.outstanding >= this.options.maxOutstanding) return 'too_many';
    const breaker = this.options.usesBreakers ? this.breakerOf(route) : undefined;
    const permit = breaker?.take();
    if (permit === null) return 'broken_off';
    const member = this.balance.pick(this.options.now(), except);
    if (member === null) {
      if (permit !== undefined) breaker?.record(permit, 'abandoned');
      return 'nobody';
    }
    return new Attempt(this, member, breaker, permit, this.options.sendsCallIds ? this.nextCallId() : '');
  }

  private nextCallId(): string {
    this.callCount++;
    return `${this.callIdPrefix}-${this.callCount}`;
  }

  /** Milliseconds until the next trial of a route with an open breaker. */
  openForMillis(route: string): number {
    return this.breakers.get(route)?.openForMillis ?? 0;
  }

  /** The routes with an open breaker. */
  openRoutes(): readonly string[] {
    return [...this.breakers].filter(([, breaker]) => breaker.state === 'open').map(([route]) => route);
  }

  now(): number {
    return this.options.now();
  }

  random(): number {
    return this.options.random();
  }

  async destroy(): Promise<void> {
    await this.balance.destroy();
  }

  private breakerOf(route: string): Breaker {
    const known = this.breakers.get(route);
    if (known !== undefined) return known;
    const breaker = new Breaker(this.options);
    this.breakers.set(route, breaker);
    return breaker;
  }
}

/** One call to one member. */
export class Attempt {
  constructor(
    private readonly upstream: Upstream,
    readonly member: PoolMember,
    private readonly breaker: Breaker | undefined,
    private readonly permit: BreakerPermit | undefined,
    /** The id that a response must carry if it carries one; empty where calls have no ids. */
    readonly callId: string,
  ) {
    member.outstanding++;
    upstream.outstanding++;
  }

  /** Whether a response with the id `answered` belongs to another call, which is counted. An empty id shows nothing. */
  isCrossUser(answered: string): boolean {
    if (this.callId === '' || answered === '' || answered === this.callId) return false;
    this.upstream.crossUserResponses++;
    return true;
  }

  complete(outcome: CallOutcome, answered: boolean): void {
    this.member.outstanding--;
    this.upstream.outstanding--;
    if (outcome !== 'answered' && outcome !== 'abandoned') {
      if (answered) this.upstream.upstreamFailures++;
      else this.upstream.localFailures++;
    }
    this.member.record(outcome, this.upstream.now());
    if (this.permit !== undefined) this.breaker?.record(this.permit, outcome);
  }
}
