import { isDeepStrictEqual } from 'node:util';
import type pg from 'pg';
import { Failure } from '../../base/failures.js';
import { nearWord } from '../../base/near-word.js';
import type { MigrationKind } from '../../domain/catalog.js';
import type { MigrationId, MigrationInput, MigrationMode } from '../../domain/migration/migration.js';
import { workflowIdOf } from '../../domain/migration/migration.js';
import type { MigrationOptions } from '../../domain/migration/options.js';
import { noStartsHeld } from './start-lock.js';

/** A start as it was requested. */
export interface StartRequest {
  readonly id: MigrationId;
  readonly kind: MigrationKind;
  readonly mode: MigrationMode;
  readonly options: MigrationOptions;
  readonly idempotencyKey: string | undefined;
  readonly by: string;
}

/**
 * Puts a run on record, or finds the one that an earlier, equal request put there, however long ago.
 * Throws `conflict` for the same id or key with other settings, and while another run of the kind is unfinished.
 */
export async function recordStart(cube: pg.Pool, start: StartRequest): Promise<MigrationInput> {
  const inserted = await cube
    .query(
      `insert into ledger.migrations (id, kind, mode, options, idempotency_key, workflow_id, started_by)
       select $1, $2, $3, $4::jsonb, $5, $6, $7 from ${noStartsHeld} on conflict (id) do nothing`,
      [
        start.id,
        start.kind,
        start.mode,
        JSON.stringify(start.options),
        start.idempotencyKey ?? null,
        workflowIdOf(start.kind, start.id),
        start.by,
      ],
    )
    .catch(async (error: unknown) => {
      if (!(error instanceof Error && 'constraint' in error)) throw error;
      if (error.constraint === 'migrations_idempotency_key_key') return { rowCount: 0 };
      if (error.constraint === 'migrations_one_unfinished_per_kind') {
        // The unfinished run may be this very one: an equal request that came at the same time was quicker.
        if ((await findStart(cube, start)) !== undefined) return { rowCount: 0 };
        throw await unfinishedConflict(cube, start.kind);
      }
      throw error;
    });
  const { id, kind, mode, options } = start;
  if (inserted.rowCount === 1) return { id, kind, mode, options };
  const known = await findStart(cube, start);
  if (known === undefined) throw new Failure('conflict', 'The same Idempotency-Key was used for another migration.');
  if (known.kind !== kind || known.mode !== mode || !isDeepStrictEqual(known.options, options)) {
    throw new Failure('conflict', `There is a migration ${known.id} already, with another kind, mode or options.`);
  }
  return known;
}

/** The run that an equal request put on record, or one of the same id or key; undefined when there is none. */
export async function findStart(cube: pg.Pool, start: StartRequest): Promise<MigrationInput | undefined> {
  const found = await cube.query<MigrationInput & { idempotency_key: string | null }>(
    'select id, kind, mode, options, idempotency_key from ledger.migrations where idempotency_key = $1 or id = $2 order by (id = $2)::int limit 1',
    [start.idempotencyKey ?? null, start.id],
  );
  const [row] = found.rows;
  return row && { id: row.id, kind: row.kind, mode: row.mode, options: row.options };
}

async function unfinishedConflict(cube: pg.Pool, kind: string): Promise<Failure> {
  const found = await cube.query<{ id: string }>(
    'select id from ledger.migrations where kind = $1 and finished_at is null',
    [kind],
  );
  const id = found.rows[0]?.id ?? 'another one';
  return new Failure('conflict', `The ${kind} migration ${id} is not finished.`, {
    hint: `Look at it with \`cubeshift migrate status ${id}\`, then complete it, roll it back or cancel it first.`,
  });
}

/** Notes under which run id Temporal carries a migration out; the workflow's own word, if it came first, stays. */
export async function recordRunId(cube: pg.Pool, id: string, runId: string): Promise<void> {
  await cube.query('update ledger.migrations set run_id = $2 where id = $1 and run_id is null', [id, runId]);
}

/** What a run was started with. */
export async function readStart(cube: pg.Pool, id: string): Promise<MigrationInput> {
  const found = await cube.query<MigrationInput>(
    'select id, kind, mode, options from ledger.migrations where id = $1',
    [id],
  );
  const [row] = found.rows;
  if (row === undefined) throw await unknownMigration(cube, id);
  return row;
}

/** The failure of an id that no migration has; its hint names the near one. */
export async function unknownMigration(cube: pg.Pool, id: string): Promise<Failure> {
  const shown = id.slice(0, 80);
  const message = `There is no migration ${shown}.`;
  const found = await cube.query<{ id: string }>('select id from ledger.migrations order by started_at desc limit $1', [
    maxNear,
  ]);
  const near = nearWord(
    shown,
    found.rows.map((row) => row.id),
  );
  if (near === undefined) return new Failure('not_found', message);
  return new Failure('not_found', message, {
    hint: `Did you mean ${near}? List them with \`cubeshift migrate list\`.`,
  });
}

/** Who mistypes an id means one of the latest. */
const maxNear = 200;

/** Runs that are on record without a workflow, for longer than a start takes. */
export async function findOrphans(cube: pg.Pool): Promise<readonly MigrationInput[]> {
  const found = await cube.query<MigrationInput>(
    `select id, kind, mode, options from ledger.migrations
      where run_id is null and finished_at is null and started_at < now() - interval '5 seconds'`,
  );
  return found.rows;
}
