import type pg from 'pg';
import type { ReachCrashPoint } from '../../../base/crash-points.js';
import type { FencingToken } from '../../../domain/migration/fencing-token.js';
import type { Databases } from '../../../postgres/databases.js';
import type { BatchOrigin } from '../../../postgres/ledger/batches.js';
import type { RejectEntry } from '../../../postgres/ledger/rejects.js';
import type { ContentAccess } from '../../contents/row-contents.js';
import type { ConfirmClaim, ItemsOfRows } from '../../items-of-rows.js';
import type { CopySettings } from '../copy/copy-context.js';
import type { RowMapping } from '../row-mapping.js';

export interface RecopyContext {
  readonly databases: Databases;
  readonly mapping: RowMapping;
  readonly settings: CopySettings;
  readonly migrationId: string;
  readonly worker: string;
  readonly token: FencingToken;
  readonly origin: BatchOrigin;
  /** Throws within the transaction when another worker took over the work. */
  readonly confirm: ConfirmClaim;
  /** Counts what a transaction does with its rows, within it, before their rejects are recorded; left out where nothing is counted. */
  readonly count?: (client: pg.ClientBase, rows: RecopiedRows) => Promise<void>;
  readonly reach: ReachCrashPoint;
  readonly itemsOfRows: ItemsOfRows;
  /** Of the contents of a table whose rows name files. */
  readonly contentAccess: ContentAccess;
}

/** What became of the rows of one transaction. */
export interface RecopiedRows {
  readonly ids: readonly bigint[];
  readonly moved: readonly bigint[];
  readonly rejects: readonly RejectEntry[];
  /** Ids of rows that follow a reject of their parent. */
  readonly withheld: readonly bigint[];
  /** Ids that the source no longer has. */
  readonly gone: readonly bigint[];
  /** How many rows of the target that no run had put there were set aside. */
  readonly setAside: number;
}
