import type { ReachCrashPoint } from '../base/crash-points.js';
import type { Assets } from '../kinds/assets.js';
import type { Databases } from '../postgres/databases.js';

/** What activities need of the world. */
export interface ActivityDependencies {
  readonly databases: Databases;
  /** Who works: host and process id, for the ledger. */
  readonly worker: string;
  readonly reach: ReachCrashPoint;
  /** Of a worker whose steps reach files and services; left out, the environment names none. */
  readonly assets?: Assets;
}
