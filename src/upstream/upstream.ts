import { randomBytes } from 'node:crypto';
import type { Dispatcher } from 'undici';
import { Breaker, type BreakerPermit, type CallOutcome } from './breaker.js';
import { type Endpoint, LoadBalancer, type Member } from './load-balancer.js';
import { RetryBudget } from './retry-budget.js';

export interface UpstreamOptions {
  /** Where it can be reached now. The same array until it changes. */
  readonly endpoints: () => readonly Endpoint[];
  readonly connect: (url: string) => Dispatcher;
  /** Whether calls are broken off while most of them fail. */
  readonly usesBreakers: boolean;
  /** Whether each call is named in `callHeader`: cubes name it in their answers, and one that names another is somebody else's. */
  readonly sendsCallIds: boolean;
  /** Calls under way at most; more are refused. */
  readonly maxOutstanding: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** 0 to 1. */
  readonly random: () => number;
}

/** The header in which a cube repeats the name of the call that it answers. */
export const callHeader = 'x-cube-call';

/** Why a call cannot be made. */
export type UnavailableReason = 'nobody' | 'broken_off' | 'too_many';

/**
 * One service as its callers see it: its instances balanced and ejected, a breaker for each route, a budget of retries.
 * What the gateway forwards and what cubes ask of each other goes through here alike.
 */
export class Upstream {
  /** Failed before an answer: connections refused or lost, time limits. */
  localFailures = 0;
  /** Answered 5xx. */
  upstreamFailures = 0;
  /** Answers that belonged to another call: somebody mixed up the callers. */
  crossUserResponses = 0;
  outstanding = 0;
  private callCount = 0;
  /** No other process gives the same names. */
  private readonly callIdPrefix = randomBytes(9).toString('base64url');
  readonly budget = new RetryBudget();
  private readonly balance: LoadBalancer;
  private readonly breakers = new Map<string, Breaker>();

  constructor(private readonly options: UpstreamOptions) {
    this.balance = new LoadBalancer(options);
  }

  /** Whether nobody could be asked instead of the one who was. */
  get hasSingleEndpoint(): boolean {
    return this.options.endpoints().length < 2;
  }

  /** Chooses who is asked; whoever gets an attempt settles it, once. `except` is who was asked before, if anybody. */
  begin(route: string, except?: Member): Attempt | UnavailableReason {
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

  /** Milliseconds until a broken-off route is tried again. */
  openForMillis(route: string): number {
    return this.breakers.get(route)?.openForMillis ?? 0;
  }

  /** The routes that are broken off now. */
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
    readonly member: Member,
    private readonly breaker: Breaker | undefined,
    private readonly permit: BreakerPermit | undefined,
    /** What the answer must be named, if it is named at all; empty where calls have no names. */
    readonly callId: string,
  ) {
    member.outstanding++;
    upstream.outstanding++;
  }

  /** Whether an answer named `answered` belongs to another call, which is counted. An empty name says nothing. */
  isCrossUser(answered: string): boolean {
    if (this.callId === '' || answered === '' || answered === this.callId) return false;
    this.upstream.crossUserResponses++;
    return true;
  }

  complete(outcome: CallOutcome, answered: boolean): void {
    this.member.outstanding--;
    this.upstream.outstanding--;
    if (outcome === 'failed' || outcome === 'timed_out') {
      if (answered) this.upstream.upstreamFailures++;
      else this.upstream.localFailures++;
    }
    this.member.record(outcome, this.upstream.now());
    if (this.permit !== undefined) this.breaker?.record(this.permit, outcome);
  }
}
