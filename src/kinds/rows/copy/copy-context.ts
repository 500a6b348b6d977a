import type { ReachCrashPoint } from '../../../base/crash-points.js';
import type { Databases } from '../../../postgres/databases.js';
import type { ContentAccess } from '../../contents/row-contents.js';
import type { ItemsOfRows } from '../../items-of-rows.js';
import type { RowMapping } from '../row-mapping.js';

export interface CopySettings {
  readonly batchRows: number;
  readonly batchBytes: number;
  /** A transaction commits after this many rows … */
  readonly commitRows: number;
  /** … or this many bytes … */
  readonly commitBytes: number;
  /** … or this many milliseconds, whichever comes first. */
  readonly commitMillis: number;
}

/** What a lane has committed since its last report. */
export interface Committed {
  readonly position: bigint;
  readonly migrated: number;
  readonly rejected: number;
}

export interface CopyContext {
  readonly databases: Databases;
  readonly mapping: RowMapping;
  readonly settings: CopySettings;
  readonly migrationId: string;
  readonly worker: string;
  /** Aborted: commit what is there and stop. */
  readonly signal: AbortSignal;
  /** Waits as long as the speed limits require after `rows` more rows. */
  readonly pace: (rows: number) => Promise<void>;
  readonly onCommit: (committed: Committed) => void;
  readonly reach: ReachCrashPoint;
  readonly itemsOfRows: ItemsOfRows;
  /** Of the contents of a table whose rows name files. */
  readonly contentAccess: ContentAccess;
}
