import { expect, test } from 'vitest';
import { nearWord } from '../../../src/base/near-word.js';

const known = ['saju-records', 'saju-cube', 'ai-cube', 'migration:read', 'up', 'LEGACY_DATABASE_URL'];

test.each([
  ['saju-record', 'saju-records'],
  ['sauj-cube', 'saju-cube'],
  ['saju_cube', 'saju-cube'],
  ['a-cube', 'ai-cube'],
  ['migration:raed', 'migration:read'],
  ['pu', 'up'],
  ['LEGACY_DATABSE_URL', 'LEGACY_DATABASE_URL'],
])('%s is near %s', (word, near) => {
  expect(nearWord(word, known)).toBe(near);
});

test.each(['', 'users', 'tea-cube-of-mine', 'down', 'xx', 'DATABASE_URL'])('nothing is near %j', (word) => {
  expect(nearWord(word, known)).toBeUndefined();
});
