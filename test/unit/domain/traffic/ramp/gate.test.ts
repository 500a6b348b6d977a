import { describe, expect, test } from 'vitest';
import { type CounterSnapshot, countBetween, keepSilent } from '../../../../../src/domain/traffic/ramp/counters.js';
import {
  addSeen,
  type Evidence,
  freshEvidence,
  watchedBetween,
} from '../../../../../src/domain/traffic/ramp/evidence.js';
import { judge } from '../../../../../src/domain/traffic/ramp/gate.js';
import { holdOffAfter } from '../../../../../src/domain/traffic/ramp/hold-off.js';
import { compareLatencies, showsSlower } from '../../../../../src/domain/traffic/ramp/mann-whitney.js';
import { usualSettings } from '../../../../../src/domain/traffic/ramp/settings.js';
import { nextStep, planSteps } from '../../../../../src/domain/traffic/ramp/steps.js';

const series = 'gateway_window_users_total';
const snapshot = (value: number): CounterSnapshot => ({ gateway: [[series, ['cube'], value]] });

test('a counter that was started anew counts from zero; a gateway seen first gives no count', () => {
  expect(countBetween(snapshot(10), snapshot(25)).users.cubeUsers).toBe(15);
  expect(countBetween(snapshot(1000), snapshot(7)).users.cubeUsers).toBe(7);
  expect(countBetween({}, snapshot(1000)).users.cubeUsers).toBe(0);
});

test('what a silent gateway counts meanwhile is not lost, and one that is gone is forgotten', () => {
  const kept = keepSilent(snapshot(10), {}, ['gateway']);
  expect(countBetween(kept, snapshot(30)).users.cubeUsers).toBe(20);
  expect(keepSilent(snapshot(10), {}, [])).toEqual({});
});

test('a clock that jumps, forwards or back, is time not watched', () => {
  expect(watchedBetween(0, 15_000, 15_000)).toBe(15_000);
  expect(watchedBetween(0, 5 * 3_600_000, 15_000)).toBe(35_000);
  expect(watchedBetween(100_000, 0, 15_000)).toBe(0);
});

/** Evidence after looks of a minute each. */
function evidenceOf(looks: readonly { cube?: Record<string, number>; failed?: number; requests?: number }[]): Evidence {
  return looks.reduce<Evidence>((evidence, { cube = {}, failed = 0, requests = 100 }) => {
    const side = { requests, failed };
    const other = { requests: 1000, failed: 0 };
    const increment = {
      ...countBetween({}, {}),
      answered: { cube: side, legacy: other },
      windows: { cube: side, legacy: other },
      durations: { cube, legacy: { '0.05': 1000, '+Inf': 1000 } },
    };
    return addSeen(evidence, { increment, ready: 1, missing: null }, 60_000, usualSettings.slow_seconds);
  }, freshEvidence);
}

describe('the gate', () => {
  test('goes back when the p99 stays above the line for three minutes, and holds until then', () => {
    const slow = { cube: { '0.05': 50, '0.5': 100, '+Inf': 100 } };
    expect(judge(evidenceOf([slow, slow]), 5, usualSettings)).toMatchObject({ verdict: 'hold', reason: 'too_slow' });
    expect(judge(evidenceOf([slow, slow, slow]), 5, usualSettings)).toMatchObject({
      verdict: 'back',
      reason: 'too_slow',
    });
  });

  test('says in numbers what a step still needs', () => {
    const settings = { ...usualSettings, interval_seconds: 300, minimums: { requests: 1000, users: 20 } };
    expect(judge(evidenceOf([{}, {}]), 5, settings)).toEqual({
      verdict: 'hold',
      reason: 'time_not_passed',
      sentence:
        'At 5 % for 2 min with 200 requests of the cube. The step still needs 3 min and 800 requests of the cube.',
    });
    expect(judge(evidenceOf([{ requests: 1000 }]), 5, settings).sentence).toMatch(/ The step still needs 4 min\.$/);
    const waited = evidenceOf(Array.from({ length: 5 }, () => ({})));
    expect(judge(waited, 5, settings).sentence).toBe(
      'Not enough evidence at 5 %: 500 requests of the cube, about 500 more are needed.',
    );
  });

  test('says that no users are coming, to the cube or at all, before and after the time of the step', () => {
    const settings = { ...usualSettings, interval_seconds: 120, minimums: { requests: 100, users: 20 } };
    const none = evidenceOf([{ requests: 0 }]);
    const silent = { ...none, step: { ...none.step, legacyRequests: 0 } };
    expect(judge(none, 5, settings)).toEqual({
      verdict: 'hold',
      reason: 'no_users',
      sentence:
        'No users of the cube are coming: in 60 s at 5 % legacy got 1000 requests of users, and the cube none. The step still needs 60 s and 100 requests of the cube.',
    });
    const late = { ...silent, step: { ...silent.step, watchedMillis: 121_000 } };
    expect(judge(late, 5, settings)).toEqual({
      verdict: 'not_enough_evidence',
      reason: 'no_users',
      sentence:
        'No users are coming: in 2 min at 5 % the gateways counted no request of a user. The step still needs 100 requests of the cube.',
    });
    const early = { ...silent, step: { ...silent.step, watchedMillis: 29_000 } };
    expect(judge(early, 5, settings).reason).toBe('time_not_passed');
  });

  test('holds on a burn rate, and goes back where no user is left on legacy', () => {
    const burning = evidenceOf(Array.from({ length: 10 }, () => ({ requests: 200, failed: 6 })));
    expect(judge(burning, 50, usualSettings)).toMatchObject({ verdict: 'hold', reason: 'burn_rate' });
    expect(judge(burning, 100, usualSettings)).toMatchObject({ verdict: 'back', reason: 'burn_rate' });
  });

  test('goes back on three fields that differ, holds on one, and lets one in ten thousand pass', () => {
    const seen = (compared: number, count: number) => ({
      ...evidenceOf([{}]),
      shadow: {
        compared: { '/calculate': compared },
        mismatched: [{ route: '/calculate', field: 'day_pillar', count }],
      },
    });
    expect(judge(seen(100, 3), 5, usualSettings)).toMatchObject({ verdict: 'back', reason: 'shadow_mismatch' });
    expect(judge(seen(100, 1), 5, usualSettings)).toMatchObject({ verdict: 'hold', reason: 'shadow_mismatch' });
    expect(judge(seen(10_000, 1), 5, usualSettings).reason).toBe('time_not_passed');
  });

  test('goes back at the first answer of one user to another, however it came to be known', () => {
    const back = { verdict: 'back', reason: 'anothers_answer' };
    const told = (value: number): CounterSnapshot => ({ gateway: [['gateway_anothers_answers_total', [], value]] });
    const look = { increment: countBetween(told(2), told(3)), ready: 1, missing: null };
    const evidence = addSeen(evidenceOf([{}]), look, 15_000, usualSettings.slow_seconds);
    expect(judge(evidence, 1, usualSettings)).toMatchObject(back);
    const differing = (field: string) => ({
      ...evidenceOf([{}]),
      shadow: { compared: { '/records/:id': 9000 }, mismatched: [{ route: '/records/:id', field, count: 1 }] },
    });
    for (const field of ['body.user_id', 'body.items[].user_id'])
      expect(judge(differing(field), 1, usualSettings), field).toMatchObject(back);
    expect(judge(differing('body.of_user_id_text'), 1, usualSettings).verdict).toBe('hold');
    // Nobody is let in either.
    for (const one of [evidence, differing('body.user_id')])
      expect(judge(one, 0, usualSettings)).toMatchObject({ verdict: 'hold', reason: 'anothers_answer' });
  });
});

test('Mann-Whitney agrees with a table, and ignores what is too small to matter', () => {
  const legacy = Array.from({ length: 40 }, (_, place) => 100 + place);
  expect(compareLatencies(legacy, legacy).pValue).toBeCloseTo(0.5, 1);
  // U = 36 of 36 for samples of six: the exact one-sided probability is 1/924, the approximation is near.
  expect(compareLatencies([7, 8, 9, 10, 11, 12], [1, 2, 3, 4, 5, 6]).pValue).toBeCloseTo(0.0025, 3);
  const times = (factor: number) => legacy.map((millis) => millis * factor);
  expect(showsSlower(compareLatencies(times(1.5), legacy))).toBe(true);
  expect(showsSlower(compareLatencies(times(1.05), legacy))).toBe(false);
  expect(showsSlower(compareLatencies(legacy, times(1.5)))).toBe(false);
  const local = legacy.map((millis) => millis / 100);
  const later = (added: number) => local.map((millis) => millis + added);
  expect(showsSlower(compareLatencies(later(0.5), local))).toBe(false);
  expect(showsSlower(compareLatencies(later(1.1), local))).toBe(true);
});

test('the hold-off doubles within a day, and the third time a person decides', () => {
  const minute = 60_000;
  expect(holdOffAfter([0])).toBe(15 * minute);
  expect(holdOffAfter([0, 60 * minute])).toBe(30 * minute);
  expect(holdOffAfter([0, 60 * minute, 120 * minute])).toBeNull();
  expect(holdOffAfter([0, 60 * minute, 30 * 60 * minute])).toBe(15 * minute);
});

test('steps rise to the target, whatever the weight they begin at', () => {
  expect(planSteps({ target: 35, step: 10 })).toEqual([10, 20, 30, 35]);
  expect(planSteps({ target: 100, steps: [1, 5, 25] })).toEqual([1, 5, 25, 100]);
  expect(nextStep([10, 20, 35], 12)).toBe(20);
  expect(nextStep([10, 20, 35], 35)).toBeUndefined();
  for (const steps of [[], [0], [5, 5], [10, 5], [1.5], [101]])
    expect(() => planSteps({ target: 100, steps })).toThrow('body.steps');
});
