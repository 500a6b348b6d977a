import { expect, test } from 'vitest';
import { measureSajuCharts } from '../../../bench/saju.js';

test('a chart by the right convention costs no more than two bare calls of the library and a bit', () => {
  const { ratio, libraryPerSecond } = measureSajuCharts({ charts: 500, rounds: 1 });
  expect(libraryPerSecond).toBeGreaterThan(0);
  // The figure aimed at is 0.4; half of it is left to a busy machine.
  for (const clock of ['wall', 'std135', 'lmt', 'true'] as const) expect(ratio[clock]).toBeGreaterThan(0.2);
});
