import type { ReachCrashPoint } from '../base/crash-points.js';
import type { Databases } from '../postgres/databases.js';

/** What activities need of the world. */
export interface ActivityDependencies {
  readonly databases: Databases;
  /** Who works: host and process id, for the ledger. */
  readonly worker: string;
  readonly reach: ReachCrashPoint;
}
