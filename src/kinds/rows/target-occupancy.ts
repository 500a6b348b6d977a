import { maxKey, minKey } from '../../domain/migration/key-range.js';
import { atSide, type Databases, dropConnection } from '../../postgres/databases.js';
import { holdsForeignRows } from '../../postgres/ledger/moved-rows.js';
import { rangeEnds } from './range-ends.js';
import type { RowMapping } from './row-mapping.js';

/** A scan of a whole table: its progress, and when to stop. */
export interface ScanProgress {
  readonly signal: AbortSignal;
  readonly onRange: (scanned: { position: bigint }) => void;
}

const rowsAtOnce = 100_000;

/**
 * Whether the target holds a row that no run of the kind owns. Looks range by range, so that a table of any size takes
 * neither one long statement nor memory in step with its rows; ends at the first such row. Aborted, it loses its connection.
 */
export async function isOccupied(databases: Databases, mapping: RowMapping, scan: ScanProgress): Promise<boolean> {
  const findRangeEnd = rangeEnds(databases, mapping, 'cube', rowsAtOnce);
  const client = await databases.connect('cube', 'cubeshift preflight');
  const drop = () => void dropConnection(client);
  scan.signal.addEventListener('abort', drop, { once: true });
  try {
    let after = minKey;
    while (after < maxKey) {
      const span = { after, upto: (await findRangeEnd(after)) ?? maxKey };
      if (await atSide('cube', () => holdsForeignRows(client, mapping, span))) return true;
      scan.onRange({ position: span.upto });
      after = span.upto;
    }
    return false;
  } finally {
    scan.signal.removeEventListener('abort', drop);
    await dropConnection(client);
  }
}
