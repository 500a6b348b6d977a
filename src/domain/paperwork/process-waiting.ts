import type { FailureType } from '../../base/failures.js';

/** What a file's processing waits for, as `reason` of its view says it; each with a sentence for a person. */
export const processWaitSentences = {
  ai_cube_away: 'The AI cube, whose model classifies documents, does not answer.',
  files_away: 'The folder of the files cannot be read.',
  legacy_database_away: 'The legacy database does not answer.',
  cube_database_away: 'The cube database does not answer.',
  database_overloaded: 'A database has no connections, memory or locks left.',
  disk_full: 'A disk that is needed is full.',
} as const;

export type ProcessWaitReason = keyof typeof processWaitSentences;

/** What a failure makes processing wait for; undefined for one that waiting does not mend. */
export function waitReasonOf(type: FailureType): ProcessWaitReason | undefined {
  switch (type) {
    case 'upstream_unavailable':
    case 'upstream_failed':
    case 'upstream_timeout':
    case 'redis_unreachable':
      return 'ai_cube_away';
    case 'legacy_files_unreachable':
    case 'storage_unreachable':
      return 'files_away';
    case 'legacy_unreachable':
      return 'legacy_database_away';
    case 'cube_unreachable':
      return 'cube_database_away';
    case 'database_overloaded':
    case 'disk_full':
      return type;
    default:
      return undefined;
  }
}
