import type pg from 'pg';
import { Failure } from '../../base/failures.js';
import { nearWord } from '../../base/near-word.js';
import type { ModelVersionView, ModelView } from '../../domain/models/model-views.js';
import { formerVersionSql } from './activations.js';

/** A version as JSON, with numbers for ids: those of the sequence are far below 2⁵³. */
const versionJson = (row: string) => `json_build_object(
  'id', ${row}.id, 'version', ${row}.version, 'form', ${row}.form, 'sha256', ${row}.sha256,
  'source_sha256', ${row}.source_sha256, 'framework', ${row}.framework, 'state', ${row}.state,
  'imported_at', to_char(${row}.imported_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
  'comparison', ${row}.comparison, 'reason', null)`;

/** The int8 form of the model $1 that its newest run could not import, as a version of which nothing is in the cube. */
const notImportedQuery = `
  select json_build_object('id', null, 'version', float.version, 'form', item.step, 'sha256', lower(float.metrics #>> '{int8,sha256}'),
         'source_sha256', float.source_sha256, 'framework', float.framework, 'state', 'rejected', 'imported_at', null,
         'comparison', null, 'reason', item.detail) as version
    from ledger.items as item
    join lateral (select * from ai.model_versions where model_id = item.item_id and form = 'float' order by id desc limit 1) as float on true
   where item.kind = 'ai-models' and item.table_name = 'ai_models' and item.item_id = $1 and item.step = 'int8' and item.detail is not null`;

const modelQuery = `
  select m.id, m.name, case when a.id is not null then ${versionJson('a')} end as active,
         former.version_id::float8 as former_version_id,
         (select count(*)::int from ai.model_versions v where v.model_id = m.id) as versions
    from ai.models m
    left join ai.model_versions a on a.id = m.active_version_id
    left join lateral ${formerVersionSql('m.id')} as former on true`;

/** Models behind the id `after`, in the order of their ids. */
export async function listModels(cube: pg.Pool, after: string | null, max: number): Promise<readonly ModelView[]> {
  const found = await cube.query<ModelView>(
    `${modelQuery} where ($1::bigint is null or m.id > $1) order by m.id limit $2`,
    [after, max],
  );
  return found.rows;
}

/** Throws `not_found` for a model that is not in the cube. */
export async function readModel(client: pg.Pool | pg.ClientBase, name: string): Promise<ModelView> {
  const found = await client.query<ModelView>(`${modelQuery} where m.name = $1`, [name]);
  const [model] = found.rows;
  if (model === undefined) throw await noSuchModel(client, name);
  return model;
}

/** Versions of a model before the id `before`, the newest first; behind all of them a form that could not be imported. */
export async function listVersions(
  cube: pg.Pool,
  modelId: number,
  before: string | null,
  max: number,
): Promise<readonly ModelVersionView[]> {
  const found = await cube.query<{ version: ModelVersionView }>(
    `select ${versionJson('v')} as version from ai.model_versions v
      where model_id = $1 and ($2::bigint is null or id < $2) order by id desc limit $3`,
    [modelId, before, max],
  );
  const isLastPage = found.rows.length < max;
  const notImported = isLastPage
    ? await cube.query<{ version: ModelVersionView }>(notImportedQuery, [modelId])
    : undefined;
  return [...found.rows, ...(notImported?.rows ?? [])].map(({ version }) => version);
}

/** The failure of a name that no model in the cube has; its hint names the near one. */
export async function noSuchModel(client: pg.Pool | pg.ClientBase, name: string): Promise<Failure> {
  const found = await client.query<{ name: string }>('select name from ai.models order by id desc limit 200');
  const shown = name.slice(0, 80);
  const near = nearWord(
    shown,
    found.rows.map((row) => row.name),
  );
  return new Failure('not_found', `There is no model ${shown} in the cube.`, {
    hint: `${near === undefined ? '' : `Did you mean ${near}? `}List the models with \`cubeshift models list\`.`,
  });
}
