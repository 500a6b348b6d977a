import { expect, test } from 'vitest';
import { summaryLine } from '../../../src/domain/summary-line.js';

test('a summary is one that the server takes, whatever text it is made of', () => {
  expect(summaryLine('Copy rows, lane 1 of 2')).toBe('Copy rows, lane 1 of 2');
  for (const odd of ['\u0000'.repeat(500), '"'.repeat(500), '갑'.repeat(500), '😀\n'.repeat(500)]) {
    const line = summaryLine(odd);
    expect(Buffer.byteLength(JSON.stringify(line))).toBeLessThanOrEqual(400);
    expect(line).toMatch(/^[ -~]+$/);
  }
});
