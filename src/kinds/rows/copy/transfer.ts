import { once } from 'node:events';
import type pg from 'pg';
import { type CopyStreamQuery, from as copyFrom } from 'pg-copy-streams';
import { Failure, toFailure } from '../../../base/failures.js';
import { quoteIdentifier } from '../../../postgres/connect.js';
import { type CopyRow, CopyRowSplitter, copyHeader, copyTrailer } from '../../../postgres/copy-binary.js';
import { CopyOut } from '../../../postgres/copy-out.js';
import { isRowDataError, postgresFailure } from '../../../postgres/errors.js';
import { integerReader, type LeftOutParents, parentReader } from '../left-out-parents.js';
import type { ConvertedRow, RowMapping, WithheldRow } from '../row-mapping.js';

/** Which source rows: ids in (after, upto], or a list of ids. */
export type SourceSelection =
  | { readonly kind: 'span'; readonly after: bigint; readonly upto: bigint; readonly limit?: number }
  | { readonly kind: 'ids'; readonly ids: readonly bigint[] };

/**
 * Reads source rows in id order and converts them, some hundred at a time, as fast as the consumer takes them. Rows whose
 * parent is among `parents` are not converted. `movedAt` ends every row. Leaving the loop early ends the read at once. Throws failures of the legacy side, also when the
 * stream stops short, or holds two rows of one id: which of them the target should have cannot be decided.
 */
export async function* readConverted(
  legacy: pg.Client,
  mapping: RowMapping,
  selection: SourceSelection,
  movedAt: Buffer,
  parents?: LeftOutParents,
): AsyncGenerator<readonly (ConvertedRow | WithheldRow)[]> {
  const convert = mapping.converter(movedAt);
  const withhold = parents && withholder(mapping, parents);
  for await (const source of readSource(legacy, mapping, selection)) {
    const withheld = await withhold?.(source);
    yield source.map((row, place) => withheld?.[place] ?? convert(row));
  }
}

/** As `readConverted`, rows as they are. */
export async function* readSource(
  legacy: pg.Client,
  mapping: RowMapping,
  selection: SourceSelection,
): AsyncGenerator<readonly CopyRow[]> {
  const stream = legacy.query(new CopyOut(copyOutStatement(mapping, selection)));
  const splitter = new CopyRowSplitter();
  const idOf = integerReader(mapping, mapping.source.key);
  let last: bigint | null | undefined;
  try {
    for await (const chunk of stream) {
      const rows = splitter.push(chunk);
      for (const row of rows) {
        const id = idOf(row);
        if (id !== null && id === last) throw repeatedId(mapping, id);
        last = id;
      }
      if (rows.length > 0) yield rows;
    }
    // Taken for the end of the rows, it would leave the rest of the range behind in silence.
    if (!splitter.ended) throw new Failure('unexpected', 'The legacy database broke off in the middle of a read.');
  } catch (error) {
    throw toFailure(error, postgresFailure('legacy'));
  }
}

/** Says of source rows which are withheld, and for what; undefined where all are moved. */
export function withholder(
  mapping: RowMapping,
  parents: LeftOutParents,
): (rows: readonly CopyRow[]) => Promise<readonly (WithheldRow | undefined)[] | undefined> {
  const parentOf = parentReader(mapping);
  const idOf = integerReader(mapping, mapping.source.key);
  return async (rows) => {
    const parentIds = rows.map(parentOf);
    const leftOut = await parents.among(() => parentIds.filter((id) => id !== null));
    if (leftOut.size === 0) return undefined;
    return rows.map((row, place) => {
      const parentId = parentIds[place] ?? null;
      const reject = parentId === null ? undefined : leftOut.get(parentId);
      const id = idOf(row);
      if (parentId === null || reject === undefined || id === null) return undefined;
      return { kind: 'withheld', id, parentId, reject };
    });
  };
}

function repeatedId({ source }: RowMapping, id: bigint): Failure {
  return new Failure(
    'legacy_schema_mismatch',
    `The table ${source.schema}.${source.table} of the legacy database has more than one row with the ${source.key} ${id}.`,
    { hint: `Give all but one of them another ${source.key}, or delete them; then go on with \`resume\`.` },
  );
}

/** COPY takes no parameters: ids are bigints and enter as digits, names are quoted. Typed, as the least bigint is none without. */
function copyOutStatement(mapping: RowMapping, selection: SourceSelection): string {
  const { source } = mapping;
  const key = quoteIdentifier('row', source.key);
  // A column of a narrower type arrives as the one that a converter reads; keys are named so that their index still serves.
  const columns = source.columns.map(({ name, types }) => `${quoteIdentifier(name)}::${types[0]}`).join(', ');
  const where =
    selection.kind === 'span'
      ? `${key} > '${selection.after}'::bigint and ${key} <= '${selection.upto}'::bigint`
      : `${key} = any (array[${selection.ids.join(',')}]::bigint[])`;
  const limit = selection.kind === 'span' && selection.limit !== undefined ? ` limit ${selection.limit}` : '';
  return `copy (select ${columns} from ${quoteIdentifier(source.schema, source.table)} as row where ${where} order by ${key}${limit}) to stdout (format binary)`;
}

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

/** Puts rows that lie one behind the other in memory together as one, so that none is copied to be sent. */
class Pieces {
  length = 0;
  private readonly closed: Buffer[] = [];
  private last: Buffer | undefined;
  private lastEnd = 0;

  add(row: Buffer): void {
    const { last } = this;
    this.length += row.length;
    if (last !== undefined && row.buffer === last.buffer && row.byteOffset === this.lastEnd) {
      this.lastEnd += row.length;
      return;
    }
    this.close();
    this.last = row;
    this.lastEnd = row.byteOffset + row.length;
  }

  /** All pieces in their order; the collection goes on empty. */
  take(): Buffer[] {
    this.close();
    this.length = 0;
    return this.closed.splice(0);
  }

  private close(): void {
    const { last } = this;
    if (last !== undefined) this.closed.push(Buffer.from(last.buffer, last.byteOffset, this.lastEnd - last.byteOffset));
    this.last = undefined;
  }
}

/** The time of a move by the cube's clock, as the last field of a row that COPY is given. */
export async function timeOfMove(cube: pg.ClientBase): Promise<Buffer> {
  const now = await atCube(() =>
    cube.query<{ field: Buffer }>('select int4send(8) || timestamptz_send(clock_timestamp()) as field'),
  );
  return now.rows[0]?.field ?? Buffer.alloc(0);
}

/** The target refused the content of at least one row of the transaction. */
export class RowDataError extends Error {
  constructor(
    readonly sqlState: string,
    readonly constraint: string | undefined,
  ) {
    super(`the target refused a row (SQLSTATE ${sqlState})`);
    this.name = 'RowDataError';
  }
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
