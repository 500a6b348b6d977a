import type pg from 'pg';
import type { ItemOutcome } from '../../../domain/migration/items.js';
import { inTransaction } from '../../../postgres/connect.js';
import { atSide } from '../../../postgres/databases.js';
import { confirmItem, type ItemClaim } from '../../../postgres/ledger/item-claims.js';
import { forgetActivationsAfter, formerVersionSql, recordActivation } from '../../../postgres/models/activations.js';
import type { StepContext } from '../../kind.js';
import { importedVersion, notAccepted } from '../imported-version.js';
import { readLegacyRow } from '../legacy-row.js';
import { unfit } from './item-context.js';

/** Makes the version that passed its comparison the one that predicts. */
export async function activateModel(claim: ItemClaim, step: StepContext): Promise<ItemOutcome> {
  const { cube, legacy } = step.databases;
  const row = await readLegacyRow(legacy, claim.item.id);
  // Of all reasons but a refusal of the cube database this is the last.
  if (row !== undefined && !row.has_carried_time)
    return unfit('timestamp_invalid', 'created_at is infinite, or outside the years 1 to 9999');
  const version = await importedVersion(cube, claim.item.id);
  if (version === undefined) return { kind: 'done' };
  await confirmedOnModel(cube, claim, async (client) => {
    await makeActive(client, claim.item.id, version.id);
    step.reach('before-activation-commit');
  });
  step.reach('after-activation-commit');
  return { kind: 'done' };
}

/** Brings back what was active before runs activated their versions. */
export async function undoActivate(claim: ItemClaim, { databases }: StepContext): Promise<void> {
  await confirmedOnModel(databases.cube, claim, async (client) => {
    await goBack(client, claim.item.id, notAccepted);
    // What was taken back is as it was when it was imported.
    await client.query(
      `with taken_back as (
         update ai.model_versions set state = 'imported'
          where model_id = $1 and ${notAccepted} and state in ('active', 'retired') returning id)
       delete from ai.activations where version_id in (select id from taken_back)`,
      [claim.item.id],
    );
  });
}

export async function confirmedOnModel(
  cube: pg.Pool,
  claim: ItemClaim,
  work: (client: pg.PoolClient) => Promise<void>,
): Promise<void> {
  await atSide('cube', () =>
    inTransaction(cube, async (client) => {
      await client.query("set local idle_in_transaction_session_timeout = '15s'");
      await confirmItem(client, claim);
      // A person may activate another version at the same time.
      await client.query('select from ai.models where id = $1 for update', [claim.item.id]);
      await work(client);
    }),
  );
}

/**
 * Brings back what was active before the versions for which `leaving`, SQL on the columns of a version, holds. An active version that
 * does not leave stays.
 */
export async function goBack(client: pg.ClientBase, modelId: string, leaving: string): Promise<void> {
  const active = await client.query<{ stays: boolean }>(
    `select not ${leaving} as stays from ai.model_versions where model_id = $1 and state = 'active'`,
    [modelId],
  );
  if (active.rows[0]?.stays === true) return;
  const found = await client.query<{ id: string; activation: string }>(
    `select version_id::text as id, activation_id::text as activation from ${formerVersionSql('$1', `not ${leaving}`)} as former`,
    [modelId],
  );
  // None: legacy predicts.
  const { id = null, activation = null } = found.rows[0] ?? {};
  await retireAllBut(client, modelId, id);
  await client.query("update ai.model_versions set state = 'active' where id = $1", [id]);
  await client.query('update ai.models set active_version_id = $2 where id = $1', [modelId, id]);
  await forgetActivationsAfter(client, modelId, activation);
}

/**
 * Makes a version active, and puts on record what was active before it. A run that makes its steps again activates a version once more:
 * it is on record once, so that a rollback of the model does not lead through the repetition.
 */
export async function makeActive(client: pg.ClientBase, modelId: string, versionId: string): Promise<void> {
  const former = await retireAllBut(client, modelId, versionId);
  await client.query("update ai.model_versions set state = 'active' where id = $1", [versionId]);
  await client.query('update ai.models set active_version_id = $2 where id = $1', [modelId, versionId]);
  if (former !== null) await client.query('delete from ai.activations where version_id = $1', [versionId]);
  await recordActivation(client, modelId, former, versionId);
}

/** Returns the version that was active. */
async function retireAllBut(client: pg.ClientBase, modelId: string, versionId: string | null): Promise<string | null> {
  const retired = await client.query<{ id: string }>(
    `update ai.model_versions set state = 'retired' where model_id = $1 and state = 'active' and id is distinct from $2::bigint
     returning id::text`,
    [modelId, versionId],
  );
  return retired.rows[0]?.id ?? null;
}
