import { expect, test } from 'vitest';
import { type FailureType, failureRule, failureTypes } from '../../../../src/base/failures.js';
import { waitReasonOf } from '../../../../src/domain/paperwork/process-waiting.js';

test('a document waits for what is away and comes back, and for nothing that only a change mends', () => {
  const waitedFor = failureTypes.filter((type) => waitReasonOf(type) !== undefined);
  expect(waitedFor.filter((type) => !failureRule(type).retryable)).toEqual([]);
  const never: readonly FailureType[] = [
    'unexpected',
    'permission_denied',
    'legacy_schema_mismatch',
    'configuration_invalid',
  ];
  for (const type of never) expect(waitReasonOf(type)).toBeUndefined();
});

test.each<[FailureType, string]>([
  ['upstream_timeout', 'ai_cube_away'],
  ['storage_unreachable', 'files_away'],
  ['legacy_unreachable', 'legacy_database_away'],
  ['disk_full', 'disk_full'],
])('%s is %s', (type, reason) => {
  expect(waitReasonOf(type)).toBe(reason);
});
