import { describe, expect, test } from 'vitest';
import { Breaker, type CallOutcome } from '../../../src/upstream/breaker.js';

class Clock {
  millis = 1_000_000;
  readonly breaker = new Breaker({ now: () => this.millis, random: () => 0.5 });

  /** Calls that are let through and end so at once; how many were. */
  call(times: number, outcome: CallOutcome): number {
    let made = 0;
    for (let one = 0; one < times; one++) {
      const permit = this.breaker.take();
      if (permit === null) continue;
      made++;
      this.breaker.record(permit, outcome);
    }
    return made;
  }
}

describe('a breaker', () => {
  test('opens at twenty calls of which half failed, time-outs among them', () => {
    const clock = new Clock();
    clock.call(10, 'answered');
    clock.call(9, 'timed_out');
    expect(clock.breaker.state).toBe('closed');
    clock.call(1, 'failed');
    expect(clock.breaker.state).toBe('open');
    expect(clock.breaker.take()).toBeNull();
  });

  test('does not open on few calls, nor on abandoned ones', () => {
    const clock = new Clock();
    clock.call(19, 'failed');
    clock.call(100, 'abandoned');
    expect(clock.breaker.state).toBe('closed');
  });

  test('does not open on failures of what the calls name, and takes them for answers in a trial', () => {
    const clock = new Clock();
    clock.call(100, 'item_failed');
    expect(clock.breaker.state).toBe('closed');
    clock.call(100, 'failed');
    clock.millis += 12_000;
    expect(clock.call(10, 'item_failed')).toBe(10);
    expect(clock.breaker.state).toBe('closed');
  });

  test('forgets failures by the clock: ten idle minutes, then one failure', () => {
    const clock = new Clock();
    clock.call(19, 'failed');
    clock.millis += 600_000;
    clock.call(1, 'failed');
    expect(clock.breaker.state).toBe('closed');
  });

  test('looks at the last ten seconds alone', () => {
    const clock = new Clock();
    clock.call(1000, 'answered');
    clock.millis += 10_000;
    clock.call(20, 'failed');
    expect(clock.breaker.state).toBe('open');
  });

  test('allows three concurrent trials when its time is over, and closes after ten of which three failed', () => {
    const clock = new Clock();
    clock.call(20, 'failed');
    clock.millis += 9_999;
    expect(clock.breaker.take()).toBeNull();
    clock.millis += 1;
    const permits = [1, 2, 3].map(() => clock.breaker.take());
    expect(permits).not.toContain(null);
    expect(clock.breaker.take()).toBeNull();
    for (const permit of permits) if (permit !== null) clock.breaker.record(permit, 'failed');
    expect(clock.call(7, 'answered')).toBe(7);
    expect(clock.breaker.state).toBe('closed');
  });

  test('opens for twice as long each time, five minutes at most', () => {
    const clock = new Clock();
    clock.call(20, 'failed');
    const opened: number[] = [];
    for (let round = 0; round < 7; round++) {
      const millis = clock.breaker.openForMillis;
      opened.push(millis);
      clock.millis += millis;
      clock.call(10, 'failed');
    }
    expect(opened).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
  });

  test('ignores results of calls that were made before it changed', () => {
    const clock = new Clock();
    const early = Array.from({ length: 40 }, () => clock.breaker.take());
    clock.call(20, 'failed');
    clock.millis += 10_000;
    clock.call(3, 'answered');
    for (const permit of early) if (permit !== null) clock.breaker.record(permit, 'failed');
    expect(clock.breaker.state).toBe('half_open');
    clock.call(7, 'answered');
    expect(clock.breaker.state).toBe('closed');
  });

  test('allows another trial in place of an abandoned one', () => {
    const clock = new Clock();
    clock.call(20, 'failed');
    clock.millis += 10_000;
    expect(clock.call(50, 'abandoned')).toBe(50);
    expect(clock.call(10, 'answered')).toBe(10);
    expect(clock.breaker.state).toBe('closed');
  });
});
