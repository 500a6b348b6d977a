import { expect, test } from 'vitest';
import { pattern, sumOf } from '../../../bench/streams/pattern.js';
import { renderStreams } from '../../../bench/streams/table.js';

const mebibyte = 1024 * 1024;

test('a block that is missing, doubled or out of its place is another content', async () => {
  const blocks = [...pattern(3 * mebibyte + 5)];
  expect(blocks.map(({ length }) => length)).toEqual([mebibyte, mebibyte, mebibyte, 5]);
  const [first, second, third, rest] = blocks as [Buffer, Buffer, Buffer, Buffer];
  const sums = await Promise.all(
    [
      blocks,
      [first, third, rest],
      [first, second, second, third, rest],
      [second, first, third, rest],
      [first, second, third],
    ].map((some) => sumOf(some)),
  );
  expect(new Set(sums).size).toBe(5);
  expect(await sumOf(pattern(3 * mebibyte + 5))).toBe(sums[0]);
});

test('the table compares rounds, and says how much memory the gateway took', () => {
  const run = (seconds: number, peakMegabytes: number) => ({
    seconds,
    cpuSeconds: seconds,
    megabytesBefore: 100,
    peakMegabytes,
  });
  const both = { gateway: [run(2, 130), run(4, 170)], nginx: [run(1, 10), run(1, 10)] };
  const text = renderStreams(
    { bytes: 1024 * mebibyte, rounds: 2, minutes: 1, runs: { download: both, upload: both } },
    [],
  );
  expect(text).toContain('2 rounds, one file of 1 GiB');
  expect(text).toMatch(/\| download +\|.* 0\.38 \(0\.25–0\.50\) × /);
  expect(text).toContain('70 MB more at most');
  expect(text).toContain('| 8 files ');
});
