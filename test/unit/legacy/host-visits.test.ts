import { describe, expect, test } from 'vitest';
import { type Clock, HostVisits } from '../../../legacy/crawler-service/host-visits.js';

/** Jumps to the end of each wait. */
class JumpingClock implements Clock {
  private millis = 5000;

  now(): number {
    return this.millis;
  }

  async wait(millis: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.millis += millis;
  }

  pass(millis: number): void {
    this.millis += millis;
  }
}

const never = new AbortController().signal;

function setUp() {
  const clock = new JumpingClock();
  const visits = new HostVisits(clock);
  const begun: number[] = [];
  const visit = (millis = 10) =>
    visits.visit('site', never, async () => {
      begun.push(clock.now());
      clock.pass(millis);
    });
  return { clock, visits, begun, visit };
}

describe('a host', () => {
  test('sees no more requests in sixty seconds than the rule allows, by its own clock too', async () => {
    const { visits, begun, visit } = setUp();
    visits.hold('site', { perMinute: 3, delayMillis: 0 });
    for (let number = 0; number < 7; number++) await visit();
    const windows = begun.map((from) => begun.filter((time) => time >= from && time < from + 60_000).length);
    expect(Math.max(...windows)).toBe(3);
    expect((begun.at(-1) ?? 0) - (begun[0] ?? 0)).toBeLessThan(2 * 60_100);
  });

  test('is left alone for the longest delay of the jobs that hold one, as long as they do', async () => {
    const { visits, begun, visit } = setUp();
    visits.hold('site', { perMinute: 1000, delayMillis: 100 });
    const release = visits.hold('site', { perMinute: 1000, delayMillis: 2000 });
    await visit();
    await visit();
    release();
    await visit();
    expect(begun).toEqual([5000, 7010, 7120]);
  });

  test('is called by one at a time, in order', async () => {
    const visits = new HostVisits();
    const order: string[] = [];
    const calls = ['first', 'second', 'third'].map((name) =>
      visits.visit('site', never, async () => {
        order.push(`${name} begins`);
        await new Promise(setImmediate);
        order.push(`${name} ends`);
      }),
    );
    await Promise.all(calls);
    expect(order).toEqual(['first', 'second', 'third'].flatMap((name) => [`${name} begins`, `${name} ends`]));
  });

  test('that asked for rest gets it, and others do not wait for it', async () => {
    const { clock, visits, begun, visit } = setUp();
    visits.rest('site', 30_000);
    await visits.visit('other', never, async () => expect(clock.now()).toBe(5000));
    await visit();
    expect(begun).toEqual([35_000]);
  });
});

test('one who leaves the line calls nothing, and lets nobody in too early', async () => {
  const visits = new HostVisits();
  let end = () => {};
  const first = visits.visit('site', never, () => new Promise<void>((resolve) => (end = resolve)));
  const leaving = new AbortController();
  const second = visits.visit('site', leaving.signal, async () => expect.fail('it had left'));
  let hasBegun = false;
  const third = visits.visit('site', never, async () => {
    hasBegun = true;
  });
  leaving.abort(new Error('it left'));
  await expect(second).rejects.toThrow('it left');
  expect(hasBegun).toBe(false);
  end();
  await Promise.all([first, third]);
  expect(hasBegun).toBe(true);
});
