import { Type } from 'typebox';
import { contractKinds, kindEntry, migrationKinds } from '../domain/catalog.js';
import type { NextCommand } from '../domain/deployment/cube-changes.js';
import {
  type MigrationAction,
  migrationActions,
  migrationModes,
  migrationStages,
  migrationStatuses,
} from '../domain/migration/migration.js';
import { unmappedColumnChoices } from '../domain/migration/options.js';
import { problemResponses } from './problem.js';

const texts = <const T extends readonly string[]>(values: T) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values] });
/** What a person may type now. */
export const nextCommands = Type.Unsafe<readonly NextCommand[]>(
  Type.Array(Type.Object({ command: Type.String(), what: Type.String() }), {
    description: 'what a person may type now, and what it does; empty while nobody is waited for',
  }),
);

export const nullable = <T>(schema: object) => Type.Unsafe<T | null>({ anyOf: [schema, { type: 'null' }] });

/** How OpenAPI says that a route wants a cube token. */
export const security = [{ cubeToken: [] }];

/** What the routes refuse that begin or steer a plan. */
export const planRefusals = problemResponses(
  'invalid_input',
  'unauthorized',
  'forbidden',
  'not_found',
  'conflict',
  'temporal_unreachable',
);

/** Named as `idParameter` is: OpenAPI takes two names at one place of a path for the same path twice. */
export const kindParameter = Type.Object({
  id: Type.String({ description: `the kind: ${contractKinds.join(', ')}` }),
});
export const idParameter = Type.Object({ id: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' }) });

/** Settings of a start; each may be left out. */
export const optionsSchema = Type.Object(
  {
    batch_rows: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
    batch_bytes: Type.Optional(Type.Integer({ minimum: 1024, maximum: 64 * 1024 * 1024 })),
    lanes: Type.Optional(Type.Integer({ minimum: 1, maximum: 16 })),
    reject_limit_percent: Type.Optional(Type.Number({ minimum: 0, maximum: 100 })),
    rows_per_second: Type.Optional(nullable<number>({ type: 'integer', minimum: 1 })),
    legacy_latency_limit_ms: Type.Optional(nullable<number>({ type: 'integer', minimum: 1 })),
    unmapped_columns: Type.Optional(texts(unmappedColumnChoices)),
  },
  { additionalProperties: false },
);

export const startBody = Type.Object(
  {
    id: Type.Optional(Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' })),
    mode: Type.Optional(texts(migrationModes)),
    options: Type.Optional(optionsSchema),
  },
  { additionalProperties: false },
);

const nothing = Type.Object({}, { additionalProperties: false });

/** The words that steer a migration by themselves, with the body each may be sent with. */
export const steeringBodies = {
  pause: nothing,
  resume: nothing,
  cancel: nothing,
  verify: nothing,
  repair: nothing,
  complete: nothing,
  cutover: Type.Object({ dry_run: Type.Optional(Type.Boolean()) }, { additionalProperties: false }),
  rollback: Type.Object({ rehearse: Type.Optional(Type.Boolean()) }, { additionalProperties: false }),
} as const satisfies Partial<Record<MigrationAction, object>>;

/** A row: its id in the kind's main table, or `table:id`. */
const rowNamePattern = '^([a-z_][a-z0-9_]{0,62}:)?-?[0-9]{1,19}$';
const ids = Type.Array(
  Type.String({ pattern: rowNamePattern, description: "`5` of the kind's main table, or `other_table:5`" }),
  { minItems: 1, maxItems: 1000 },
);

export const retryBody = Type.Object({ ids: Type.Optional(ids) }, { additionalProperties: false });

export const acceptBody = Type.Object(
  {
    ids: Type.Optional(ids),
    all: Type.Optional(Type.Literal(true)),
    by: Type.String({ minLength: 1, maxLength: 200 }),
    why: Type.String({ minLength: 1, maxLength: 1000 }),
  },
  { additionalProperties: false },
);

const limit = Type.Optional(Type.String({ pattern: '^([1-9][0-9]{0,2}|1000)$', description: '1 to 1000' }));

export const pageQuery = Type.Object(
  { cursor: Type.Optional(Type.String({ pattern: '^-?[0-9]{1,19}$' })), limit },
  { additionalProperties: false },
);

export const rejectPageQuery = Type.Object(
  { cursor: Type.Optional(Type.String({ pattern: rowNamePattern })), limit },
  { additionalProperties: false },
);

export const migrationSchema = Type.Object(
  {
    id: Type.String(),
    kind: texts(contractKinds),
    mode: texts(migrationModes),
    workflow_id: Type.String(),
    run_id: nullable<string>({ type: 'string' }),
    status: texts(migrationStatuses),
    stage: texts(migrationStages),
    progress: Type.Object({
      total: Type.Integer(),
      total_estimated: Type.Boolean(),
      migrated: Type.Integer(),
      rejected: Type.Integer(),
      verified: Type.Integer(),
      rate_per_second: Type.Integer(),
      eta_seconds: nullable<number>({ type: 'integer' }),
    }),
    verification: Type.Object({
      status: texts(['none', 'running', 'clean', 'mismatch']),
      compared: Type.Integer(),
      mismatches: Type.Array(Type.Object({ table: Type.String(), id: Type.String(), field: Type.String() })),
      finished_at: nullable<string>({ type: 'string' }),
    }),
    traffic: Type.Object({ enabled: Type.Boolean(), percentage: Type.Integer() }),
    ownership: Type.Object({
      owner: texts(['legacy', 'cube']),
      epoch: Type.Integer(),
      since: nullable<string>({ type: 'string' }),
    }),
    error: nullable<{ type: string; message: string; hint: string }>({
      type: 'object',
      properties: { type: { type: 'string' }, message: { type: 'string' }, hint: { type: 'string' } },
      required: ['type', 'message', 'hint'],
    }),
    actions: Type.Array(texts(migrationActions)),
    pending: nullable<MigrationAction>(
      Type.String({ description: 'a word that was accepted and is not carried out yet' }),
    ),
    started_at: Type.String(),
    finished_at: nullable<string>({ type: 'string' }),
  },
  { $id: 'Migration' },
);

const rejectDetail = Type.Unsafe<string | { readonly children: number; readonly text: string }>({
  anyOf: [
    { type: 'string' },
    {
      type: 'object',
      description: 'of a row that others are children of: `children` counts those that follow it',
      properties: { children: { type: 'integer' }, text: { type: 'string' } },
      required: ['children', 'text'],
    },
  ],
});

export const rejectPageSchema = Type.Object(
  {
    items: Type.Array(
      Type.Object({
        table: Type.String(),
        id: Type.String(),
        reason: Type.String({ description: reasonsOfKinds() }),
        detail: rejectDetail,
        payload: Type.Unknown(),
        attempts: Type.Integer(),
      }),
    ),
    next_cursor: nullable<string>({ type: 'string' }),
  },
  { $id: 'RejectPage' },
);

function reasonsOfKinds(): string {
  return migrationKinds.map((kind) => `${kind}: ${kindEntry(kind).rejectReasons.join(', ')}`).join('; ');
}
