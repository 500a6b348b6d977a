import { expect, test } from 'vitest';
import { measureSajuCharts } from '../../../bench/saju.js';

// How fast charts are is for the benchmark to say on a quiet machine; here only that it measures what it names.
test('charts by every clock are measured against bare calls of the library', () => {
  const figures = measureSajuCharts({ charts: 300, rounds: 1 });
  for (const clock of ['wall', 'std135', 'lmt', 'true'] as const) {
    expect(figures.perSecond[clock]).toBeGreaterThan(0);
    expect(figures.ratio[clock]).toBeCloseTo(figures.perSecond[clock] / figures.libraryPerSecond);
  }
  expect(figures.charts).toBe(300);
});
