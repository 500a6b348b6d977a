import type { TrafficName } from './cubes.js';
import type { MigrationKind } from './migration/migration.js';

const names = {
  'saju-records': 'saju',
  'ai-models': 'ai',
  'paperwork-files': 'paperwork',
  'crawler-jobs': 'crawler',
} as const satisfies Record<MigrationKind, TrafficName>;

/** Whose weight decides where the users of a kind are served. */
export function trafficNameOfKind(kind: MigrationKind): TrafficName {
  return names[kind];
}
