import type { FailureType } from '../base/failures.js';

/** What the command line's exit code says. */
export const exitCodes = { done: 0, failed: 1, usage: 2, unreachable: 3, notPossible: 4, mismatch: 5 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export function exitCodeOf(type: FailureType): ExitCode {
  switch (type) {
    case 'invalid_input':
    case 'configuration_invalid':
      return exitCodes.usage;
    case 'legacy_unreachable':
    case 'cube_unreachable':
    case 'temporal_unreachable':
    case 'redis_unreachable':
    case 'metrics_unreachable':
    case 'control_unreachable':
    case 'registry_unreachable':
      return exitCodes.unreachable;
    case 'not_at_this_stage':
    case 'conflict':
      return exitCodes.notPossible;
    case 'verification_mismatch':
      return exitCodes.mismatch;
    default:
      return exitCodes.failed;
  }
}
