import { expect, test } from 'vitest';
import { lookAtStalls, stallMillis } from '../../../bench/gateway/stalling-server.js';

test('a server that stalls for 200 ms every two seconds shows in the 99th percentile, and not in the median', async () => {
  const { p50, p99, errors } = await lookAtStalls(6);
  expect(errors).toBe(0);
  expect(p50).toBeLessThan(stallMillis / 2);
  expect(p99).toBeGreaterThan(stallMillis * 0.75);
});
