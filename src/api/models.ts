import { type Static, Type } from 'typebox';
import type { ComparedSide, Comparison } from '../domain/models/comparison/comparison.js';
import { decisions } from '../domain/models/comparison/judgement.js';
import { modelTasks } from '../domain/models/metrics.js';
import { type ModelVersionView, type ModelView, versionForms, versionStates } from '../domain/models/model-views.js';
import { pageLimit } from './routes.js';
import { schemaOf } from './schema-of.js';
import { nullable, oneOf } from './shapes.js';

export const modelParameter = Type.Object({ name: Type.String({ description: "the model's name in legacy" }) });

const cursor = Type.Optional(Type.String({ pattern: '^[0-9]{1,18}$' }));
export const modelPageQuery = Type.Object({ cursor, limit: pageLimit }, { additionalProperties: false });

export const activateBody = Type.Object(
  {
    version_id: Type.Union([
      Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
      Type.String({ pattern: '^[1-9][0-9]{0,17}$' }),
    ]),
  },
  { title: 'ActivateVersion', additionalProperties: false },
);

const figure = (description: string) => nullable<number>({ type: 'number', description });

const side = schemaOf<ComparedSide>()(
  Type.Object(
    {
      accuracy: figure('share of rows that are right; null for a regressor'),
      mean_absolute_error: figure('null for a classifier'),
      p50: figure('milliseconds of a prediction of one row'),
      p95: figure('milliseconds'),
      p99: figure('milliseconds'),
      throughput: figure('rows a second in batches, one request at a time'),
    },
    { title: 'ComparedSide' },
  ),
);

const comparison = schemaOf<Comparison>()(
  Type.Object(
    {
      task: oneOf(modelTasks),
      n: Type.Integer({ description: 'rows of the held-out test set' }),
      b: nullable<number>({ type: 'integer', description: 'rows that legacy alone has right' }),
      c: nullable<number>({ type: 'integer', description: 'rows that the cube alone has right' }),
      difference: figure('observed loss of accuracy, or growth of the error as a share of legacy’s'),
      bound: figure('what the true difference is below, with 97.5 % confidence'),
      limit: Type.Number(),
      agreement: figure('share of rows on which both sides agree'),
      decision: oneOf(decisions),
      rows_needed: nullable<number>({
        type: 'integer',
        description: 'of evidence_missing: how many rows would do at the observed rates',
      }),
      legacy: side,
      cube: side,
      test_sha256: Type.String(),
      compared_at: Type.String(),
      detail: nullable<string>({ type: 'string', description: 'why there is no evidence' }),
    },
    { title: 'Comparison', additionalProperties: true },
  ),
);

const version = schemaOf<ModelVersionView>()(
  Type.Object(
    {
      id: nullable<number>({
        type: 'integer',
        description: "null for a form that legacy's row names and that could not be imported",
      }),
      version: nullable<string>(Type.String()),
      form: nullable<(typeof versionForms)[number]>(oneOf(versionForms)),
      sha256: nullable<string>(Type.String()),
      source_sha256: Type.String({ description: "of the graph file in legacy's row that it was made from" }),
      framework: nullable<string>(Type.String()),
      state: nullable<(typeof versionStates)[number]>(oneOf(versionStates)),
      imported_at: nullable<string>(Type.String()),
      comparison: nullable<Comparison>(comparison),
      reason: nullable<string>({ type: 'string', description: 'why it could not be imported' }),
    },
    { title: 'ModelVersion' },
  ),
);

export const modelSchema = schemaOf<ModelView>()(
  Type.Object(
    {
      id: Type.Integer({ description: 'that of legacy' }),
      name: Type.String(),
      active: nullable<ModelVersionView>(version),
      former_version_id: nullable<number>({ type: 'integer', description: 'what a rollback would bring back' }),
      versions: Type.Integer({ description: 'how many it has in the cube' }),
    },
    { title: 'Model' },
  ),
);

const nextCursor = nullable<string>(Type.String());

export const modelPageSchema = Type.Object(
  { items: Type.Array(modelSchema), next_cursor: nextCursor },
  { title: 'ModelPage' },
);
export type ModelPage = Static<typeof modelPageSchema>;

export const versionPageSchema = Type.Object(
  {
    model: Type.String(),
    active_version_id: nullable<number>(Type.Integer()),
    items: Type.Array(version),
    next_cursor: nextCursor,
  },
  { title: 'ModelVersionPage' },
);
