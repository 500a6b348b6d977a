import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isPillar, placeOfPillar, sixtyPillars } from '../../../../src/domain/saju/sexagenary.js';

test('there are sixty pillars, no two alike, from 갑자 to 계해', () => {
  expect(new Set(sixtyPillars).size).toBe(60);
  expect([sixtyPillars[0], sixtyPillars[1], sixtyPillars[54], sixtyPillars[59]]).toEqual([
    '갑자',
    '을축',
    '무오',
    '계해',
  ]);
});

test('each is at its own place', () => {
  for (const [place, pillar] of sixtyPillars.entries()) {
    expect(placeOfPillar(pillar)).toBe(place);
    expect(isPillar(pillar)).toBe(true);
  }
});

test('of the 120 pairs of stem and branch the half that never meets is none', () => {
  const pairs = [...'갑을병정무기경신임계'].flatMap((stem) =>
    [...'자축인묘진사오미신유술해'].map((branch) => stem + branch),
  );
  expect(pairs.filter(isPillar)).toHaveLength(60);
});

test('no other text is one, however alike it looks', () => {
  for (const text of [
    '',
    '갑',
    '자갑',
    '갑자 ',
    '갑자갑자',
    '甲子',
    '갑자'.normalize('NFD'),
    'toString',
    '__proto__',
  ]) {
    expect([text, isPillar(text), placeOfPillar(text)]).toEqual([text, false, undefined]);
  }
  expect(isPillar(null)).toBe(false);
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(isPillar(text)).toBe(sixtyPillars.includes(text));
    }),
  );
});
