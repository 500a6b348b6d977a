import type pg from 'pg';
import type { ItemOutcome } from '../../../domain/migration/items.js';
import { inTransaction } from '../../../postgres/connect.js';
import { atSide } from '../../../postgres/databases.js';
import { confirmItem, type ItemClaim } from '../../../postgres/ledger/items.js';
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
      `update ai.model_versions set state = 'imported', former_version_id = null
        where model_id = $1 and ${notAccepted} and state in ('active', 'retired')`,
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

/** Brings back what was active before the versions for which `leaving`, SQL, holds. An active version that does not leave stays. */
export async function goBack(client: pg.ClientBase, modelId: string, leaving: string): Promise<void> {
  const found = await client.query<{ id: string | null }>(
    `with recursive chain as (
       select id, former_version_id, ${leaving} as leaves, 0 as depth from ai.model_versions where model_id = $1 and state = 'active'
       union all
       select version.id, version.former_version_id, ${leaving}, depth + 1 from chain
         join ai.model_versions as version on version.id = chain.former_version_id and version.model_id = $1
        where leaves and depth < 1000)
     select (select id::text from chain where not leaves order by depth limit 1) as id`,
    [modelId],
  );
  // None: legacy predicts.
  const id = found.rows[0]?.id ?? null;
  await retireAllBut(client, modelId, id);
  // What was active before it stays on record: it is not what leaves now.
  await client.query("update ai.model_versions set state = 'active' where id = $1", [id]);
  await client.query('update ai.models set active_version_id = $2 where id = $1', [modelId, id]);
}

/**
 * Makes a version active, and puts on record what was active before it. Where that is one that a run activated after this version, such as
 * its int8 form, what was active before this version at first stays on record: the way back would end in a circle.
 */
export async function makeActive(client: pg.ClientBase, modelId: string, versionId: string): Promise<void> {
  const former = await retireAllBut(client, modelId, versionId);
  await client.query(
    `with recursive later as (
       select id, former_version_id from ai.model_versions where id = $2::bigint and ${notAccepted}
       union
       select version.id, version.former_version_id from later
         join ai.model_versions as version on version.id = later.former_version_id
        where version.id <> $1 and ${notAccepted})
     update ai.model_versions set state = 'active', former_version_id =
         case when exists (select from later where later.former_version_id = $1) then former_version_id
              else coalesce($2::bigint, former_version_id) end
      where id = $1 and state <> 'active'`,
    [versionId, former],
  );
  await client.query('update ai.models set active_version_id = $2 where id = $1', [modelId, versionId]);
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
