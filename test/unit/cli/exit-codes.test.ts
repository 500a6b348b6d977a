import { expect, test } from 'vitest';
import { failureTypes } from '../../../src/base/failures.js';
import { exitCodeOf } from '../../../src/cli/exit-codes.js';

test('every failure ends the command line as the contract says', () => {
  const named = {
    invalid_input: 2,
    configuration_invalid: 2,
    legacy_unreachable: 3,
    cube_unreachable: 3,
    temporal_unreachable: 3,
    redis_unreachable: 3,
    metrics_unreachable: 3,
    control_unreachable: 3,
    registry_unreachable: 3,
    not_at_this_stage: 4,
    conflict: 4,
    verification_mismatch: 5,
  };
  expect(Object.fromEntries(failureTypes.map((type) => [type, exitCodeOf(type)]))).toEqual({
    ...Object.fromEntries(failureTypes.map((type) => [type, 1])),
    ...named,
  });
});
