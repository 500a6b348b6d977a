import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chooseSide, initialFlags, ownedByLegacy, type UserBytes } from '../../../src/domain/traffic/routing.js';
import { bucketOf, bytesOfHeader, bytesOfText, createBuckets } from '../../../src/traffic/bucket.js';

test.each([
  ['user-1', 19],
  ['user-2', 12],
  ['alice', 70],
  ['사용자-1', 32],
])("%s has the contract's bucket %i, by token and by header alike", (id, bucket) => {
  expect(bucketOf(bytesOfText(id))).toBe(bucket);
  // What Node makes of the UTF-8 bytes that a client sends in a header.
  expect(bucketOf(bytesOfHeader(Buffer.from(id, 'utf8').toString('latin1')))).toBe(bucket);
});

test('ids are neither trimmed nor normalised', () => {
  const nfd = '사용자-1'.normalize('NFD');
  expect(bytesOfText(nfd)).not.toBe(bytesOfText('사용자-1'));
  expect(bucketOf(bytesOfText(nfd))).not.toBe(32);
  expect(bucketOf(bytesOfText('user-1 '))).not.toBe(19);
});

test('ids of any bytes have the bucket of those bytes, remembered or not', () => {
  const buckets = createBuckets(8);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      const id = bytesOfHeader(Buffer.from(bytes).toString('latin1'));
      const expected = Number.parseInt(createHash('md5').update(bytes).digest('hex').slice(0, 8), 16) % 100;
      expect([bucketOf(id), buckets.of(id), buckets.of(id)]).toEqual([expected, expected, expected]);
    }),
  );
});

test('of 100,000 users each on the cube stays there at every higher percentage, and each share is right', () => {
  const buckets = createBuckets(1000);
  const onCube = new Array<number>(101).fill(0);
  let left = 0;
  for (let user = 0; user < 100_000; user++) {
    const userId = bytesOfText(`user-${user}`) as UserBytes;
    const bucket = buckets.of(userId);
    let before = false;
    for (let percentage = 0; percentage <= 100; percentage++) {
      const flags = { ...initialFlags, percentage };
      const now =
        chooseSide({ bucket, userId, intent: 'reads', flags, ownership: ownedByLegacy, killed: false }) === 'cube';
      if (before && !now) left += 1;
      if (now) onCube[percentage] = (onCube[percentage] ?? 0) + 1;
      before = now;
    }
  }
  expect(left).toBe(0);
  expect(onCube[0]).toBe(0);
  expect(onCube[100]).toBe(100_000);
  // Four standard deviations of a fair draw.
  for (let percentage = 1; percentage < 100; percentage++) {
    const share = percentage / 100;
    const most = 4 * Math.sqrt(100_000 * share * (1 - share));
    expect(Math.abs((onCube[percentage] ?? 0) - 100_000 * share)).toBeLessThan(most);
  }
});
