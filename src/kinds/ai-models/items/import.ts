import type pg from 'pg';
import { Failure } from '../../../base/failures.js';
import type { ItemOutcome } from '../../../domain/migration/items.js';
import { inTransaction } from '../../../postgres/connect.js';
import { atSide } from '../../../postgres/databases.js';
import { confirmItem, type ItemClaim } from '../../../postgres/ledger/item-claims.js';
import { intendBlobs, recordBlobs, releaseBlobs } from '../../../storage/blob-records.js';
import type { Sha256 } from '../../../storage/blob-store.js';
import type { StepContext } from '../../kind.js';
import { discardArtifact, type StagedArtifact, type StagedFile, stageArtifact } from '../artifact/stage-artifact.js';
import { notAccepted, type VersionForm } from '../imported-version.js';
import { type LegacyModelRow, readLegacyRow, unfitRow } from '../legacy-row.js';
import { discardStaged, ownerOf, stageContext, stagedBy, storedBy } from './item-context.js';
import { checksumProblem } from './validate.js';

/**
 * Stores the model's files, then puts a version on record that refers to them. What is about to be stored is on record before: a worker
 * killed at any instant leaves nothing that `undoImport` does not find.
 */
export async function importModel(claim: ItemClaim, step: StepContext): Promise<ItemOutcome> {
  const { legacy } = step.databases;
  const row = await readLegacyRow(legacy, claim.item.id);
  if (row === undefined) return { kind: 'done' };
  const wrong = unfitRow(row);
  if (wrong !== undefined) return wrong;
  const context = stageContext(claim, step);
  await discardStaged(context.store, claim);
  const artifact = await stageArtifact(context, row.artifact_path);
  if ('kind' in artifact) return artifact;
  const mismatch = checksumProblem(row, artifact);
  if (mismatch !== undefined) {
    await discardArtifact(artifact);
    return mismatch;
  }
  await storeArtifact(claim, step, artifact, (client) => putVersion(client, claim, row, artifact, 'float'));
  return { kind: 'done' };
}

/**
 * Puts staged files at their addresses, and then on record what refers to them: `put`, in the transaction that records the files. It
 * returns the contents to which nothing of it refers any more; they leave the store where nothing else does.
 */
export async function storeArtifact(
  claim: ItemClaim,
  step: StepContext,
  artifact: StagedArtifact,
  put: (client: pg.ClientBase) => Promise<readonly Sha256[]>,
): Promise<void> {
  const { cube } = step.databases;
  const { store } = stageContext(claim, step);
  const owner = ownerOf(claim);
  const staged = [artifact.graph, ...artifact.files.values()].map(({ blob }) => blob);
  const contents = [...new Set(staged.map(({ sha256 }) => sha256))];
  try {
    await confirmed(cube, claim, (client) => intendBlobs(client, owner, contents));
    step.reach('after-intent');
    for (const blob of staged) {
      await blob.keep();
      step.reportProgress({ content: blob.sha256 });
    }
    step.reach('after-artifact-stored');
    await confirmed(cube, claim, async (client) => {
      await recordBlobs(client, store, staged, { owner, storedBy });
      // On record as intended, they are found by the release below, by that of another attempt, or by the undo.
      await intendBlobs(client, owner, await put(client));
      step.reach('before-version-commit');
    });
  } catch (error) {
    for (const blob of staged) await blob.discard();
    // Frozen meanwhile, this worker stored them after the undo: a newer attempt has them on record as intended, or they leave.
    if (error instanceof Failure && error.type === 'claim_lost')
      await releaseBlobs(
        cube,
        store,
        { owner: `${owner}/late`, stagedBy: stagedBy(claim), storedBy },
        async () => contents,
      );
    throw error;
  }
  step.reach('after-version-commit');
  await atSide('cube', () =>
    releaseBlobs(cube, store, { owner, stagedBy: stagedBy(claim), storedBy }, async (client) => {
      await confirmItem(client, claim);
      return [];
    }),
  );
}

/** Takes the versions out that runs imported and that are not accepted yet, and the files that nothing else refers to. */
export async function undoImport(claim: ItemClaim, { assets, databases }: StepContext): Promise<void> {
  const owner = ownerOf(claim);
  await atSide('cube', () =>
    releaseBlobs(databases.cube, assets.store(), { owner, stagedBy: stagedBy(claim), storedBy }, async (client) => {
      await confirmItem(client, claim);
      return deleteVersions(client, claim.item.id);
    }),
  );
  await discardStaged(assets.store(), claim);
}

export function confirmed(
  cube: pg.Pool,
  claim: ItemClaim,
  work: (client: pg.PoolClient) => Promise<void>,
): Promise<void> {
  return atSide('cube', () =>
    inTransaction(cube, async (client) => {
      await client.query("set local idle_in_transaction_session_timeout = '15s'");
      await confirmItem(client, claim);
      await work(client);
    }),
  );
}

/**
 * The newest version of the form stays where it is this one; else a new one is put behind it. Older ones whose files are damaged are
 * deleted: legacy no longer has these. Returns the contents that they referred to. A version that a completed run handed over stays
 * accepted: a rollback of this run does not take it.
 */
export async function putVersion(
  client: pg.ClientBase,
  { migrationId }: ItemClaim,
  row: LegacyModelRow,
  { graph, files }: StagedArtifact,
  form: VersionForm,
): Promise<readonly Sha256[]> {
  const named = (partOf: (file: StagedFile) => string) =>
    JSON.stringify(Object.fromEntries([...files].map(([name, file]) => [name, partOf(file)])));
  const fields = [
    row.id,
    row.version,
    graph.blob.sha256,
    row.sha256,
    named(({ blob }) => blob.sha256),
    row.framework,
    row.input_schema,
    row.metrics,
    named(({ stat }) => stat),
    migrationId,
    form,
  ];
  const known = await client.query(
    `update ai.model_versions set file_stats = $9, imported_by = case when ${notAccepted} then $10 else imported_by end
      where id = (select id from ai.model_versions where model_id = $1 and form = $11 order by id desc limit 1)
        and version is not distinct from $2 and sha256 = $3 and source_sha256 = $4 and files is not distinct from $5::jsonb
        and framework is not distinct from $6 and input_schema is not distinct from $7::jsonb and metrics is not distinct from $8::jsonb`,
    fields,
  );
  if (known.rowCount === 1)
    return deleteVersions(client, String(row.id), `${unsound} and state <> 'active' and ${isOlder}`);
  const contents = await deleteVersions(client, String(row.id), unsound);
  await client.query(
    `insert into ai.model_versions
       (model_id, version, sha256, source_sha256, files, framework, input_schema, metrics, file_stats, imported_by, form, state, imported_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'imported', now())`,
    fields,
  );
  return contents;
}

/** SQL of a version that is not the newest of its form. */
const isOlder = `exists (select from ai.model_versions as newer
  where newer.model_id = version.model_id and newer.form = version.form and newer.id > version.id)`;

/** SQL of a version of which the last verification found a file damaged, or that names one that is not stored. */
const unsound = `exists (
  select from (select version.sha256 union all select value from jsonb_each_text(coalesce(version.files, '{}'))) as named
   where exists (select from storage.checks where checks.sha256 = named.sha256 and damage is not null)
      or not exists (select from storage.blobs where blobs.sha256 = named.sha256))`;

/** Deletes the versions of a model that are not accepted yet and for which `which`, SQL, holds; returns the contents that they referred to. */
export async function deleteVersions(
  client: pg.ClientBase,
  modelId: string,
  which = 'true',
): Promise<readonly Sha256[]> {
  const deleted = await client.query<{ id: string; sha256: Sha256; files: Readonly<Record<string, Sha256>> | null }>(
    `delete from ai.model_versions as version where model_id = $1 and ${notAccepted} and ${which}
     returning id::text, sha256, files`,
    [modelId],
  );
  const ids = deleted.rows.map(({ id }) => id);
  await client.query('delete from ai.smoke_predictions where version_id = any ($1::bigint[])', [ids]);
  await client.query(
    'update ai.models set active_version_id = null where id = $1 and active_version_id = any ($2::bigint[])',
    [modelId, ids],
  );
  return deleted.rows.flatMap(({ sha256, files }) => [sha256, ...Object.values(files ?? {})]);
}
