import { describe, expect, test } from 'vitest';
import {
  endedRamp,
  type RampView,
  rampStatuses,
  withCurrentWeight,
} from '../../../../../src/domain/traffic/ramp/ramp.js';

const view = (status: RampView['status'], percentage = 10) =>
  ({ cube: 'saju', status, percentage, sentence: 'So it is.' }) as RampView;
const standing = (percentage: number | null, enabled = true, changedBy: string | null = null) => ({
  enabled,
  percentage,
  changedBy,
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
