import { expect, test } from 'vitest';
import { joinedAs } from '../../../../src/domain/deployment/joined-rollback.js';

test.each([
  ['running', null, 'joins'],
  ['running', '1.0', 'joins'],
  ['running', '0.9', 'is_other'],
  ['escalated', null, 'needs_person'],
  ['escalated', '0.9', 'answers'],
  // In the milliseconds between the last state of a rollback and its end: never a refusal.
  ['completed', null, 'joins'],
  ['completed', '1.0', 'joins'],
  ['completed', '0.9', 'is_ending'],
  ['acknowledged', null, 'is_ending'],
  ['acknowledged', '1.0', 'is_ending'],
] as const)('a rollback to 1.0 that is %s takes a call for %s as: %s', (status, targetVersion, expected) => {
  expect(joinedAs({ status, goesTo: '1.0' }, targetVersion)).toBe(expected);
});
