import { beforeAll, expect, test } from 'vitest';
import { differenceLine, rejectListing } from '../../../src/cli/reject-listing.js';
import { addNewKind, newKind } from '../../support/new-kind.js';

const reject = {
  table: 'talismans',
  id: '7',
  reason: 'name_empty',
  detail: { children: 3, text: 'name' },
  attempts: 2,
  resolution: 'open' as const,
  by: null,
  why: null,
  at: null,
};
const follower = { ...reject, table: 'talisman_orders', id: '8', detail: 'created_at' };

beforeAll(addNewKind);

test('rejects and differences of a kind with several tables are named with their table', () => {
  const lines = rejectListing(newKind, [reject, follower]).split('\n');
  expect(lines.map((line) => line.split(/\s{2,}/).filter((word) => word !== ''))).toEqual([
    ['TABLE', 'ID', 'REASON', 'ATTEMPTS', 'RESOLUTION', 'DETAIL'],
    ['talismans', '7', 'name_empty', '2', 'open', 'name, 3 rows follow it'],
    ['talisman_orders', '8', 'name_empty', '2', 'open', 'created_at'],
  ]);
  const difference = { table: 'talisman_orders', id: '8', field: 'buyer' };
  expect(differenceLine(newKind, difference)).toBe('  differs: talisman_orders id 8, buyer');
});

test('the detail of a reject that was moved is of the time before', () => {
  const moved = { ...reject, resolution: 'moved' as const, by: 'kim', at: '2026-11-28T00:00:00.000Z' };
  expect(rejectListing(newKind, [moved])).toMatch(/moved by kim, 2026-11-28T00:00:00.000Z +before it was moved: name$/);
});

test('of a kind with one table no table is named', () => {
  const rejects = [{ ...reject, table: 'saju_records', detail: 'birth_hour' }];
  expect(rejectListing('saju-records', rejects)).not.toMatch(/TABLE|saju_records/);
  const difference = { table: 'saju_records', id: '8', field: 'user_id' };
  expect(differenceLine('saju-records', difference)).toBe('  differs: id 8, user_id');
});
