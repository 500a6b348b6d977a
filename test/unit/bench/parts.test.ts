import { expect, test } from 'vitest';
import { replacePart } from '../../../bench/parts.js';

test('a run replaces its own part of the results, and no other', () => {
  const rows = replacePart('', 'rows', '# Benchmark\n\n1 row');
  const both = replacePart(rows, 'traffic', '## Traffic');
  const all = replacePart(both, 'gateway', '## Gateway');
  expect(all.indexOf('1 row')).toBeLessThan(all.indexOf('## Gateway'));
  expect(all.indexOf('## Gateway')).toBeLessThan(all.indexOf('## Traffic'));
  const again = replacePart(all, 'gateway', '## Gateway, again');
  expect(again).toBe(all.replace('## Gateway', '## Gateway, again'));
  expect(replacePart(again, 'gateway', '## Gateway, again')).toBe(again);
});
