import type { Dispatcher } from 'undici';
import type { CallOutcome } from './breaker.js';

/** One place that serves: an instance of a cube, or the monolith's service. */
export interface Endpoint {
  readonly id: string;
  readonly url: string;
}

const failuresToEject = 5;
const ejectionMillis = 30_000;
const maxEjectionMillis = 300_000;

/** A member of a balance, with what is known of it here. */
export class Member {
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

  /** What became of a call to it. A time-out or a refused connection is its failure as much as a 5xx. */
  record(outcome: CallOutcome, now: number): void {
    if (outcome === 'abandoned') return;
    if (outcome === 'answered') {
      this.failuresInARow = 0;
      return;
    }
    this.failuresInARow++;
    if (this.failuresInARow < failuresToEject || this.isEjected(now)) return;
    // Forgiven after a quiet time as long as the longest ejection.
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
 * The less busy of two members picked at random, among those not ejected; never the last one is left out, so with all
 * of them ejected all are asked.
 */
export class LoadBalancer {
  private members: readonly Member[] = [];
  private readonly byId = new Map<string, Member>();
  private source: readonly Endpoint[] = [];

  constructor(private readonly options: LoadBalancerOptions) {}

  get size(): number {
    return this.members.length;
  }

  /** Takes over a list; members that stay keep what is known of them. Cheap when it is the list of last time. */
  update(endpoints: readonly Endpoint[]): void {
    if (endpoints === this.source) return;
    this.source = endpoints;
    const kept = endpoints.map((endpoint) => {
      const known = this.byId.get(endpoint.id);
      return known !== undefined && known.endpoint.url === endpoint.url
        ? known
        : new Member(endpoint, this.options.connect(endpoint.url));
    });
    for (const member of this.members) {
      // What is under way on its connections ends first.
      if (!kept.includes(member)) void member.connections.close();
    }
    this.byId.clear();
    for (const member of kept) this.byId.set(member.endpoint.id, member);
    this.members = kept;
  }

  /** Null when there is nobody; `except` is asked only when nobody else is there. */
  pick(now: number, except?: Member): Member | null {
    const { members } = this;
    if (members.length === 1) return members[0] ?? null;
    const able = members.filter((member) => member !== except && !member.isEjected(now));
    const among = able.length > 0 ? able : members;
    const first = among[Math.floor(this.options.random() * among.length)];
    const second = among[Math.floor(this.options.random() * among.length)];
    if (first === undefined || second === undefined) return null;
    return second.outstanding < first.outstanding ? second : first;
  }

  /** Breaks off what is under way. */
  async destroy(): Promise<void> {
    const { members } = this;
    this.members = [];
    this.byId.clear();
    await Promise.all(members.map((member) => member.connections.destroy()));
  }
}
