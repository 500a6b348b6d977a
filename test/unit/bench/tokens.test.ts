import { expect, test } from 'vitest';
import { measureTokenChecks } from '../../../bench/tokens.js';

// How fast checks are is for the benchmark to say on a quiet machine; here only that it measures what it names.
test('checks of tokens are measured, the first and those after it, beside another library', async () => {
  const figures = await measureTokenChecks({ tokens: 200, rounds: 1 });
  expect(figures.tokens).toBe(200);
  for (const micros of [figures.first, figures.again, figures.jose]) expect(micros).toBeGreaterThan(0);
  expect(figures.again).toBeLessThan(figures.first);
});
