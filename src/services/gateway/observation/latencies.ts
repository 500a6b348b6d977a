import type { UserBytes } from '../../../domain/traffic/routing.js';

const capacity = 32_768;

/**
 * The latencies of a bounded number of responses, by user. At a high rate it samples every n-th, n following the rate, so
 * that the samples cover the time that a comparison uses.
 */
export class Latencies {
  private users: (UserBytes | undefined)[] = [];
  private millis = new Float32Array(0);
  private times = new Float64Array(0);
  private next = 0;
  private stride = 1;
  private passed = 0;

  add(user: UserBytes, millis: number, now: number): void {
    if (++this.passed % this.stride !== 0) return;
    if (this.millis.length === 0) {
      this.users = new Array<UserBytes | undefined>(capacity).fill(undefined);
      this.millis = new Float32Array(capacity);
      this.times = new Float64Array(capacity);
    }
    this.users[this.next] = user;
    this.millis[this.next] = millis;
    this.times[this.next] = now;
    this.next = (this.next + 1) % capacity;
  }

  /** Sets the sampling for `perSecond` responses, so that the samples cover `seconds`. */
  adapt(perSecond: number, seconds: number): void {
    this.stride = Math.max(1, Math.ceil((perSecond * seconds) / capacity));
  }

  /** The median of each user's times since `from`, milliseconds. */
  medians(from: number): readonly number[] {
    const byUser = new Map<UserBytes, number[]>();
    for (const [index, user] of this.users.entries()) {
      if (user === undefined || (this.times[index] ?? 0) < from) continue;
      const kept = byUser.get(user);
      if (kept === undefined) byUser.set(user, [this.millis[index] ?? 0]);
      else kept.push(this.millis[index] ?? 0);
    }
    return [...byUser.values()].map(medianOf);
  }
}

function medianOf(values: number[]): number {
  values.sort((a, b) => a - b);
  const middle = Math.floor(values.length / 2);
  const upper = values[middle] ?? 0;
  return values.length % 2 === 1 ? upper : ((values[middle - 1] ?? 0) + upper) / 2;
}
