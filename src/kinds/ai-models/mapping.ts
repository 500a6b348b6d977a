import { type CopyRow, CopyRowWriter } from '../../postgres/copy-binary.js';
import { newestVerificationOf } from '../contents/check-contents.js';
import { jsonTypes, textTypes, timestampTypes } from '../rows/column-types.js';
import { type ConvertedRow, comparedAsText, type DigestedField, type RowMapping } from '../rows/row-mapping.js';
import { unfitRow } from './legacy-row.js';

const integer = ['integer', 'smallint'];

const sourceColumns = [
  { name: 'id', types: integer },
  { name: 'name', types: textTypes },
  { name: 'created_at', types: timestampTypes },
  { name: 'version', types: textTypes },
  { name: 'framework', types: textTypes },
  { name: 'artifact_path', types: textTypes },
  { name: 'sha256', types: textTypes },
  { name: 'input_schema', types: jsonTypes },
  { name: 'metrics', types: jsonTypes },
] as const;
const [id, name, createdAt, version, framework, artifactPath, sha256, inputSchema, metrics] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8,
];

/** What a field says of which nothing is wrong. */
const whole = 'whole';

const newestVerification = newestVerificationOf('ai-models');

/** SQL of a column of the version that a run imported last: what is active may be an older one, by a person's decision, or its int8 form. */
function ofVersion(column: string): string {
  return `(select version.${column} from ai.model_versions as version
    where version.model_id = models.id and version.form = 'float'
    order by version.id desc limit 1)`;
}

function versionField(column: string, source = column): DigestedField {
  return { name: column, type: 'text', source, target: ofVersion(column) };
}

const digestedFields: readonly DigestedField[] = [
  { name: 'name', type: 'text', source: 'name', target: 'name' },
  { name: 'created_at', type: 'timestamp', source: 'created_at', target: 'created_at' },
  versionField('version'),
  versionField('framework'),
  versionField('sha256', 'lower(sha256)'),
  versionField('source_sha256', 'lower(sha256)'),
  { name: 'input_schema', type: 'text', source: 'input_schema::text', target: ofVersion('input_schema::text') },
  { name: 'metrics', type: 'text', source: 'metrics::text', target: ofVersion('metrics::text') },
  // Of what legacy has no column: what the verification found of the store, and of the version that is active.
  { name: 'artifact', type: 'text', source: `'${whole}'`, target: artifactOfTarget(), ofCubeAlone: true },
  { name: 'active_version', type: 'text', source: `'${whole}'`, target: activeOfTarget(), ofCubeAlone: true },
];

/** ai_models of the monolith, ai.models of the cube; what is served of a model is its version's, which the item's steps import. */
export const aiModelsMapping: RowMapping = {
  kind: 'ai-models',
  table: 'ai_models',
  source: { schema: 'public', table: 'ai_models', key: 'id', columns: sourceColumns },
  target: {
    schema: 'ai',
    table: 'models',
    key: 'id',
    columns: [
      { name: 'id', types: ['integer'] },
      { name: 'name', types: ['text'] },
      { name: 'created_at', types: timestampTypes },
      { name: 'active_version_id', types: ['bigint'] },
      { name: 'migrated_at', types: timestampTypes },
    ],
  },
  targetColumns: ['id', 'name', 'created_at'],
  movedAtColumn: 'migrated_at',
  converter: (movedAt) => {
    const writer = new CopyRowWriter();
    return (row) => convert(row, writer, movedAt);
  },
  payload,
  comparedFields: comparedAsText(digestedFields),
  digestedFields,
};

/** Every content that a version of the model refers to, as the verification found it. */
function artifactOfTarget(): string {
  return `coalesce((
    select string_agg(distinct content.damage, ', ' order by content.damage) from (
      select case when stored.sha256 is null then 'not stored' when checked.sha256 is null then 'not read' else checked.damage end as damage
        from ai.model_versions as version
       cross join lateral (
         select version.sha256 as named
         union all
         select value from jsonb_each_text(case when jsonb_typeof(version.files) = 'object' then version.files else '{}' end)) as named
        left join storage.blobs as stored on stored.sha256 = named.named
        left join storage.checks as checked on checked.sha256 = named.named and checked.verification_id >= ${newestVerification}
       where version.model_id = models.id) as content
     where content.damage is not null), '${whole}')`;
}

/** One version is active, the model names it, and the verification had it predict: not one that a person activated since. */
function activeOfTarget(): string {
  return `coalesce((
    select case when predicted.version_id is null then 'not predicted' else coalesce(predicted.failure, '${whole}') end
      from ai.model_versions as version
      left join ai.smoke_predictions as predicted
        on predicted.version_id = version.id and predicted.verification_id = ${newestVerification}
     where version.id = models.active_version_id and version.model_id = models.id and version.state = 'active'), 'none')`;
}

function convert(row: CopyRow, writer: CopyRowWriter, movedAt: Buffer): ConvertedRow {
  const key = BigInt(row.int32(id) ?? 0);
  const wrong = unfitRow({ framework: row.text(framework), artifact_path: row.text(artifactPath) });
  if (wrong !== undefined)
    return { kind: 'reject', id: key, reason: wrong.reason, detail: wrong.detail, payload: payload(row) };
  writer.begin(4);
  writer.carry(row, id, createdAt);
  writer.field(movedAt);
  return { kind: 'row', id: key, bytes: writer.finish(), source: row, warned: false };
}

function payload(row: CopyRow): string {
  return JSON.stringify({
    id: row.int32(id),
    name: row.text(name),
    version: row.text(version),
    framework: row.text(framework),
    artifact_path: row.text(artifactPath),
    sha256: row.text(sha256),
    input_schema: row.json(inputSchema),
    metrics: row.json(metrics),
    created_at: row.timestamp(createdAt),
  });
}
