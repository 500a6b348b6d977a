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
    const former = await client.query<{ id: string | null }>(
      `with recursive chain as (
         select id, former_version_id, ${notAccepted} as leaves, 0 as depth from ai.model_versions where model_id = $1 and state = 'active'
         union all
         select version.id, version.former_version_id, ${notAccepted}, depth + 1 from chain
           join ai.model_versions as version on version.id = chain.former_version_id and version.model_id = $1
          where leaves and depth < 1000)
       select (select id::text from chain where not leaves order by depth limit 1) as id`,
      [claim.item.id],
    );
    await makeActive(client, claim.item.id, former.rows[0]?.id ?? null);
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

/** `versionId` null: none is active, and legacy predicts. */
export async function makeActive(client: pg.ClientBase, modelId: string, versionId: string | null): Promise<void> {
  const retired = await client.query<{ id: string }>(
    `update ai.model_versions set state = 'retired' where model_id = $1 and state = 'active' and id is distinct from $2::bigint
     returning id::text`,
    [modelId, versionId],
  );
  await client.query(
    `update ai.model_versions set state = 'active', former_version_id = coalesce($2::bigint, former_version_id)
      where id = $1 and state <> 'active'`,
    [versionId, retired.rows[0]?.id ?? null],
  );
  await client.query('update ai.models set active_version_id = $2 where id = $1', [modelId, versionId]);
}
