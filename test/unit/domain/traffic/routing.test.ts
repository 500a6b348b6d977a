import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  chooseSide,
  type Flags,
  initialFlags,
  type Ownership,
  ownedByLegacy,
  type RoutingQuestion,
  readPercentage,
} from '../../../../src/domain/traffic/routing.js';
import { bytesOfText } from '../../../../src/traffic/bucket.js';

const alice = bytesOfText('alice');
const flags = (some: Partial<Flags>): Flags => ({ ...initialFlags, ...some });
const ask = (some: Partial<RoutingQuestion>) =>
  chooseSide({
    bucket: 70,
    userId: alice,
    intent: 'reads',
    flags: initialFlags,
    ownership: ownedByLegacy,
    killed: false,
    ...some,
  });

test('a user is on the cube from the first percentage above her bucket on', () => {
  expect(ask({ flags: flags({ percentage: 70 }) })).toBe('legacy');
  expect(ask({ flags: flags({ percentage: 71 }) })).toBe('cube');
  expect(ask({ flags: flags({ percentage: 0 }), bucket: 0 })).toBe('legacy');
  expect(ask({ flags: flags({ percentage: 100 }), bucket: 99 })).toBe('cube');
});

test('a request without a user goes to legacy below 100 %, whatever its bucket would be', () => {
  expect(ask({ userId: null, bucket: 0, flags: flags({ percentage: 99 }) })).toBe('legacy');
  expect(ask({ userId: null, flags: flags({ percentage: 100 }) })).toBe('cube');
});

test('kill switch, closed cube, deny list and allow list come before the percentage, in that order', () => {
  const allow = new Set([alice]);
  const open = flags({ percentage: 100, allow });
  expect(ask({ flags: open })).toBe('cube');
  expect(ask({ flags: flags({ percentage: 0, allow }) })).toBe('cube');
  expect(ask({ flags: { ...open, deny: allow } })).toBe('legacy');
  expect(ask({ flags: { ...open, enabled: false } })).toBe('legacy');
  expect(ask({ flags: open, killed: true })).toBe('legacy');
});

test('after a cutover writes go to the cube whatever the flags say, and reads follow them while legacy follows', () => {
  const cutOver: Ownership = { owner: 'cube', epoch: 1, completed: false, reverseSyncWithinLimit: true };
  fc.assert(
    fc.property(fc.boolean(), fc.boolean(), fc.integer({ min: 0, max: 100 }), (killed, enabled, percentage) => {
      const asked = { killed, flags: flags({ enabled, percentage }) };
      expect(ask({ ...asked, intent: 'writes', ownership: cutOver })).toBe('cube');
      expect(ask({ ...asked, ownership: { ...cutOver, reverseSyncWithinLimit: false } })).toBe('cube');
      expect(ask({ ...asked, ownership: { ...cutOver, owner: 'legacy', completed: true } })).toBe('cube');
      expect(ask({ ...asked, ownership: cutOver })).toBe(ask(asked));
    }),
  );
});

test('reads and writes go the same way while legacy is the owner', () => {
  for (const percentage of [0, 70, 71, 100])
    expect(ask({ intent: 'writes', flags: flags({ percentage }) })).toBe(ask({ flags: flags({ percentage }) }));
});

test.each([null, '0', '1', '10', '99', '100'])('%j is a percentage', (text) => {
  expect(readPercentage(text)).toEqual({ ok: true, value: Number(text ?? 0) });
});

test.each([
  '',
  ' ',
  '5%',
  '-1',
  '-0',
  '+5',
  '101',
  '1000',
  'NaN',
  'Infinity',
  '5.0',
  '5,0',
  '0x10',
  '1e1',
  '05',
  ' 5',
  '5\n',
  '٥',
])('%j is no percentage', (text) => expect(readPercentage(text)).toEqual({ ok: false }));
