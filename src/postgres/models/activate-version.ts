import type pg from 'pg';
import { Failure } from '../../base/failures.js';
import type { Comparison } from '../../domain/models/comparison/comparison.js';
import { forgetActivationsAfter, formerVersionSql, recordActivation } from './activations.js';
import { noSuchModel } from './read-models.js';

interface VersionRow {
  readonly id: string;
  readonly state: string | null;
  readonly decision: Comparison['decision'] | null;
  readonly detail: string | null;
}

/**
 * Makes a version the one that predicts, and the one before it `retired`; a version that is active already stays. Call it in a
 * transaction. Throws `not_found`, and `conflict` for a version that no comparison was for.
 */
export async function activateVersion(client: pg.ClientBase, name: string, versionId: string): Promise<void> {
  const { modelId, activeId } = await lockModel(client, name);
  const found = await client.query<VersionRow>(
    `select id::text, state, comparison ->> 'decision' as decision, comparison ->> 'detail' as detail
         from ai.model_versions where id = $1 and model_id = $2`,
    [versionId, modelId],
  );
  const [version] = found.rows;
  if (version === undefined)
    throw new Failure('not_found', `The model ${name} has no version ${versionId}.`, { hint: lookAtVersions(name) });
  if (version.id === activeId) return;
  if (version.state === 'rejected' || version.decision !== 'activate')
    throw new Failure('conflict', `Version ${versionId} of the model ${name} ${whyNot(version)}.`, {
      safe: 'The active version stays active.',
      hint: lookAtVersions(name),
    });
  await makeActive(client, modelId, activeId, versionId);
  await recordActivation(client, modelId, activeId, versionId);
}

/**
 * Brings back the version that was active before the present one. Call it in a transaction. Throws `not_found`, and
 * `not_at_this_stage` where there is no such version.
 */
export async function rollBackVersion(client: pg.ClientBase, name: string): Promise<void> {
  const { modelId, activeId } = await lockModel(client, name);
  const found = await client.query<{ id: string; activation: string }>(
    `select version_id::text as id, activation_id::text as activation from ${formerVersionSql('$1')} as former`,
    [modelId],
  );
  const [former] = found.rows;
  if (former === undefined)
    throw new Failure('not_at_this_stage', `The model ${name} has no version that was active before.`, {
      safe: activeId === null ? 'Legacy predicts with it, as before.' : 'The active version stays active.',
      hint: `${lookAtVersions(name)} Activate one of them, or roll the migration back.`,
    });
  await makeActive(client, modelId, activeId, former.id);
  await forgetActivationsAfter(client, modelId, former.activation);
}

/** Until the transaction ends nothing else changes which version is active. */
async function lockModel(client: pg.ClientBase, name: string): Promise<{ modelId: number; activeId: string | null }> {
  const found = await client.query<{ id: number; active: string | null }>(
    'select id, active_version_id::text as active from ai.models where name = $1 for update',
    [name],
  );
  const [model] = found.rows;
  if (model === undefined) throw await noSuchModel(client, name);
  return { modelId: model.id, activeId: model.active };
}

async function makeActive(client: pg.ClientBase, modelId: number, formerId: string | null, id: string): Promise<void> {
  await client.query(`update ai.model_versions set state = 'retired' where id = $1`, [formerId]);
  await client.query(`update ai.model_versions set state = 'active' where id = $1`, [id]);
  await client.query('update ai.models set active_version_id = $2 where id = $1', [modelId, id]);
}

function whyNot({ decision, detail }: VersionRow): string {
  if (decision === null) return 'was not compared with legacy';
  if (decision === 'activate') return `was rejected${detail === null ? '' : ` (${detail.replace(/\.$/, '')})`}`;
  return `did not pass its comparison with legacy (${decision})`;
}

function lookAtVersions(name: string): string {
  // A name that a shell would read as more than a word is not part of a command to type.
  return `Look at its versions with \`cubeshift models versions ${/^[\w.-]+$/.test(name) ? name : 'MODEL'}\`.`;
}
