import { once } from 'node:events';
import type pg from 'pg';
import { type CopyStreamQuery, from as copyFrom } from 'pg-copy-streams';
import { toFailure } from '../../../base/failures.js';
import { quoteIdentifier } from '../../../postgres/connect.js';
import { copyHeader, copyTrailer } from '../../../postgres/copy-binary.js';
import { isRowDataError, postgresFailure } from '../../../postgres/errors.js';
import type { RowMapping } from '../row-mapping.js';
import { Pieces } from './contiguous-pieces.js';
import { RowDataError } from './refused-row.js';

/**
 * One transaction of the target that takes rows by COPY and then whatever the ledger has to say about them.
 * Nothing is there until `commit` has returned; whatever happens before leaves nothing.
 */
export class TargetTransaction {
  private readonly stream: CopyStreamQuery;
  private readonly refused: Promise<never>;
  private refusal: { readonly error: unknown } | undefined;
  private readonly pieces = new Pieces();
  private rows = 0;

  private constructor(
    private readonly cube: pg.Client,
    statement: string,
  ) {
    this.stream = cube.query(copyFrom(statement));
    this.refused = new Promise((_, reject) => {
      this.stream.on('error', (error) => {
        this.refusal = { error };
        reject(error);
      });
    });
    // Looked at by every later step; a refusal that comes between two of them must not end the process.
    this.refused.catch(() => undefined);
    this.pieces.add(copyHeader);
  }

  /** `before` runs first in the transaction, for what has to leave before the rows come. */
  static async begin(
    cube: pg.Client,
    mapping: RowMapping,
    before?: (client: pg.ClientBase) => Promise<void>,
  ): Promise<TargetTransaction> {
    return atCube(async () => {
      try {
        await cube.query('begin');
        await before?.(cube);
        const columns = [...mapping.targetColumns, mapping.movedAtColumn]
          .map((column) => quoteIdentifier(column))
          .join(', ');
        const table = quoteIdentifier(mapping.target.schema, mapping.target.table);
        return new TargetTransaction(cube, `copy ${table} (${columns}) from stdin (format binary)`);
      } catch (error) {
        // The next user of this connection must not find a failed transaction open on it.
        await cube.query('rollback').catch(() => undefined);
        throw error;
      }
    });
  }

  /** Appends converted rows; waits only while the connection is full. Throws `RowDataError` once the target refused. */
  async write(rows: readonly Buffer[]): Promise<void> {
    this.rows += rows.length;
    for (const row of rows) {
      this.pieces.add(row);
      if (this.pieces.length >= flushLength) await atCube(() => this.flush());
    }
  }

  /** Ends the COPY, runs the ledger's part, commits. Throws `RowDataError` when the target refuses one of the rows. */
  async commit(ledgerWork: (client: pg.ClientBase) => Promise<void>): Promise<void> {
    await atCube(async () => {
      this.pieces.add(copyTrailer);
      await this.flush();
      const finished = once(this.stream, 'finish');
      this.stream.end();
      await Promise.race([finished, this.refused]);
      // Bytes that the target takes for another number of rows than they are must not be committed as these.
      if (this.stream.rowCount !== this.rows) throw new RowDataError(badCopyFormat, undefined);
      // What waits for the commit refuses its row here, and the ledger sees what it leaves.
      await this.cube.query('set constraints all immediate');
    });
    await ledgerWork(this.cube).catch((error: unknown) => {
      throw toFailure(error, postgresFailure('cube'));
    });
    await atCube(() => this.cube.query('commit'));
  }

  /** Takes everything back. Safe on a connection that is already gone. */
  async abandon(): Promise<void> {
    if (this.refusal === undefined && !this.stream.writableFinished) this.stream.destroy();
    await this.cube.query('rollback').catch(() => undefined);
  }

  private async flush(): Promise<void> {
    if (this.refusal !== undefined) throw this.refusal.error;
    for (const piece of this.pieces.take()) {
      if (!this.stream.write(piece)) await Promise.race([once(this.stream, 'drain'), this.refused]);
    }
  }
}

const flushLength = 128 * 1024;
const badCopyFormat = '22P04';

/** The time of a move by the cube's clock, as the last field of a row that COPY is given. */
export async function timeOfMove(cube: pg.ClientBase): Promise<Buffer> {
  const now = await atCube(() =>
    cube.query<{ field: Buffer }>('select int4send(8) || timestamptz_send(clock_timestamp()) as field'),
  );
  return now.rows[0]?.field ?? Buffer.alloc(0);
}

async function atCube<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RowDataError) throw error;
    if (isRowDataError(error)) throw new RowDataError(error.code, error.constraint);
    throw toFailure(error, postgresFailure('cube'));
  }
}
