import type pg from 'pg';

/**
 * SQL of the version that a rollback of a model would bring back: the one that was active before, and not one that was rejected since.
 * `model` is SQL of the model's id; with `stays`, SQL on the version's columns, of those alone for which it holds.
 */
export function formerVersionSql(model: string, stays = 'true'): string {
  return `(select former.id as activation_id, former.version_id from ai.activations as former
             join ai.model_versions as version on version.id = former.version_id
            where former.model_id = ${model} and version.state = 'retired' and ${stays}
            order by former.id desc limit 1)`;
}

/**
 * Puts on record that a version became active, and after which: within the transaction that makes it active, with the model's row locked.
 * Nothing is added for one that is the newest already.
 */
export async function recordActivation(
  client: pg.ClientBase,
  modelId: number | string,
  formerId: string | null,
  versionId: string,
): Promise<void> {
  for (const id of [formerId, versionId])
    await client.query(
      `insert into ai.activations (model_id, version_id)
       select $1, $2::bigint where $2::bigint is not null and $2::bigint is distinct from (
         select version_id from ai.activations where model_id = $1 order by id desc limit 1)`,
      [modelId, id],
    );
}

/** What was active before a version stays on record, and what became active after it does not; after null there is none. */
export async function forgetActivationsAfter(
  client: pg.ClientBase,
  modelId: number | string,
  activationId: string | null,
): Promise<void> {
  await client.query('delete from ai.activations where model_id = $1 and ($2::bigint is null or id > $2)', [
    modelId,
    activationId,
  ]);
}
