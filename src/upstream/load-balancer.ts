import type { Dispatcher } from 'undici';
import type { CallOutcome } from './breaker.js';

/** One address of a service: an instance of a cube, or the monolith's service. */
export interface Endpoint {
  readonly id: string;
  readonly url: string;
}

const failuresToEject = 5;
const ejectionMillis = 30_000;
const maxEjectionMillis = 300_000;

/** A member of a load balancer, with its state in this process. */
export class PoolMember {
  outstanding = 0;
  private failuresInARow = 0;
  private ejections = 0;
  private ejectedUntil = 0;

  constructor(
    readonly endpoint: Endpoint,
    readonly connections: Dispatcher,
  ) {}

  isEjected(now: number): boolean {
    return now < this.ejectedUntil;
  }

  /** Records the outcome of a call. A time-out or a refused connection counts as a failure, as a 5xx does. */
  record(outcome: CallOutcome, now: number): void {
    if (outcome === 'abandoned') return;
    if (outcome === 'answered' || outcome === 'item_failed') {
      this.failuresInARow = 0;
      return;
    }
    this.failuresInARow++;
    if (this.failuresInARow < failuresToEject || this.isEjected(now)) return;
    // A time without ejections as long as the longest one resets the count.
    if (now - this.ejectedUntil > maxEjectionMillis) this.ejections = 0;
    this.ejections++;
    this.ejectedUntil = now + Math.min(ejectionMillis * this.ejections, maxEjectionMillis);
    this.failuresInARow = 0;
  }
}

export interface LoadBalancerOptions {
  /** 0 to 1. */
  readonly random: () => number;
  readonly connect: (url: string) => Dispatcher;
}

/**
 * Picks the less busy of two random members that are not ejected (power of two choices). With all members ejected it picks
 * among all.
 */
export class LoadBalancer {
  private members: readonly PoolMember[] = [];
  private readonly byId = new Map<string, PoolMember>();
  private source: readonly Endpoint[] = [];

  constructor(private readonly options: LoadBalancerOptions) {}

  get size(): number {
    return this.members.length;
  }

  /** Replaces the list; members that stay keep their state. Cheap when the list is unchanged. */
  update(endpoints: readonly Endpoint[]): void {
    if (endpoints === this.source) return;
    this.source = endpoints;
    const kept = endpoints.map((endpoint) => {
      const known = this.byId.get(endpoint.id);
      return known !== undefined && known.endpoint.url === endpoint.url
        ? known
        : new PoolMember(endpoint, this.options.connect(endpoint.url));
    });
    for (const member of this.members) {
      // Calls in flight on its connections complete first.
      if (!kept.includes(member)) void member.connections.close();
    }
    this.byId.clear();
    for (const member of kept) this.byId.set(member.endpoint.id, member);
    this.members = kept;
  }

  /** Null without members; picks `except` only when no other member is available. */
  pick(now: number, except?: PoolMember): PoolMember | null {
    const { members } = this;
    if (members.length === 1) return members[0] ?? null;
    const able = members.filter((member) => member !== except && !member.isEjected(now));
    const among = able.length > 0 ? able : members;
    const first = among[Math.floor(this.options.random() * among.length)];
    const second = among[Math.floor(this.options.random() * among.length)];
    if (first === undefined || second === undefined) return null;
    return second.outstanding < first.outstanding ? second : first;
  }

  /** Aborts the calls in flight. */
  async destroy(): Promise<void> {
    const { members } = this;
    this.members = [];
    this.byId.clear();
    await Promise.all(members.map((member) => member.connections.destroy()));
  }
}
