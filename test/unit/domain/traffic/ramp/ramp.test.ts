import { describe, expect, test } from 'vitest';
import {
  endedRamp,
  type RampView,
  rampStatuses,
  withCurrentWeight,
} from '../../../../../src/domain/traffic/ramp/ramp.js';

const view = (status: RampView['status'], percentage = 10) =>
  ({ cube: 'saju', status, percentage, sentence: 'So it is.', since: '2026-03-01T10:00:00.000Z' }) as RampView;
/** The flags as they are, after a change before the ramp's status, or through no one. */
const standing = (percentage: number | null, enabled = true, by = 'kim') => ({
  enabled,
  percentage,
  change: { by, at: '2026-03-01T09:00:00.000Z', why: '' },
});

describe.each(rampStatuses)('a ramp that is %s', (status) => {
  test('is never shown as going on where its plan no longer runs', () => {
    const ended = endedRamp(view(status));
    expect(ended.status).toBe(status === 'completed' ? 'completed' : 'stopped');
    if (status !== 'completed' && status !== 'stopped')
      expect(ended).toMatchObject({ actions: [], sentence: 'Its plan was ended in Temporal; the weight stays.' });
  });

  test('has the current weight, and says so where it remembers another', () => {
    expect(withCurrentWeight(view(status), standing(60))).toMatchObject({
      percentage: 60,
      weight: { enabled: true, percentage: 60 },
      sentence: 'So it is. The weight is 60 % now.',
    });
  });

  test('reports a cube that was closed, and an invalid weight', () => {
    const closed = withCurrentWeight(view(status), standing(10, false));
    expect([closed.percentage, closed.sentence]).toEqual([0, 'So it is. The cube is closed now, and its weight 10 %.']);
    const spoilt = withCurrentWeight(view(status), standing(null));
    expect(spoilt.sentence).toBe('So it is. The weight is invalid now.');
    expect(spoilt).toMatchObject({ percentage: 10, weight: { percentage: null } });
  });

  test('says that the weight is the last known one, while Redis does not answer', () => {
    const { sentence, weight } = withCurrentWeight(view(status), null);
    expect(sentence).toBe('So it is. Redis does not answer; the weight was 10 % when it was seen last.');
    expect(weight).toBeNull();
  });

  test('adds nothing where the weight is the one of its view, unless it has ended', () => {
    const ended = status === 'completed' || status === 'stopped';
    const told = ended ? 'So it is. The weight is 10 % now.' : 'So it is.';
    expect(withCurrentWeight(view(status), standing(10)).sentence).toBe(told);
  });

  test('says what to type where it waits for a person', () => {
    expect(withCurrentWeight(view(status), standing(10)).next.map(({ command }) => command)).toEqual(
      status === 'waiting' ? ['cubeshift traffic ramp saju --resume', 'cubeshift traffic stop saju'] : [],
    );
  });
});

test('a step of its own that is on its way is not reported as a change by another caller', () => {
  const own = withCurrentWeight(view('ramping'), standing(50, true, 'ramp/saju'));
  expect([own.percentage, own.sentence]).toEqual([50, 'So it is.']);
});

describe.each(['completed', 'stopped'] as const)('a ramp that is %s', (status) => {
  const at = '2026-03-01T11:00:00.000Z';

  test('names who changed the weight since, when, and why', () => {
    const change = { by: 'lee', at, why: 'enough' };
    const { sentence, changed_since_end } = withCurrentWeight(view(status), { enabled: true, percentage: 0, change });
    expect(sentence).toBe(
      `So it is. The weight is 0 % now. lee changed it at ${at}, after the ramp had ended (enough).`,
    );
    expect(changed_since_end).toEqual(change);
  });

  test('says that another program changed it, where the engine did not', () => {
    const { sentence, changed_since_end } = withCurrentWeight(view(status), {
      enabled: true,
      percentage: 0,
      change: null,
    });
    expect(sentence).toBe(
      'So it is. The weight is 0 % now. It was changed outside of the engine since the ramp saw it last.',
    );
    expect(changed_since_end).toEqual({ by: null, at: null, why: '' });
  });

  test('takes its own last step, and what was changed before its end, for no later change', () => {
    const own = { by: 'ramp/saju', at, why: 'On to 10 %.' };
    expect(
      withCurrentWeight(view(status), { enabled: true, percentage: 10, change: own }).changed_since_end,
    ).toBeNull();
    expect(withCurrentWeight(view(status), standing(60)).changed_since_end).toBeNull();
  });
});

test('a ramp that runs has no change since its end', () => {
  const change = { by: 'lee', at: '2026-03-01T11:00:00.000Z', why: '' };
  const { changed_since_end } = withCurrentWeight(view('waiting'), { enabled: true, percentage: 0, change });
  expect(changed_since_end).toBeNull();
});
