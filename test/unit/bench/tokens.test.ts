import { expect, test } from 'vitest';
import { measureTokenChecks } from '../../../bench/tokens.js';

// How fast checks are is for the benchmark to say on a quiet machine; here only that it measures what it names. Several
// rounds: in a single one the machine may have turned to something else in the middle of five milliseconds.
test('checks of tokens are measured, the first and those after it, against another library', async () => {
  const figures = await measureTokenChecks({ tokens: 200, rounds: 5 });
  expect(figures.tokens).toBe(200);
  for (const micros of [figures.first, figures.again, figures.jose]) expect(micros).toBeGreaterThan(0);
  expect(figures.again).toBeLessThan(figures.first);
});
