import { type Static, Type } from 'typebox';
import { contractKinds, type MigrationKind } from '../domain/catalog.js';
import {
  type MigrationAction,
  type MigrationView,
  migrationActions,
  migrationIdPattern,
  migrationModes,
  migrationStages,
  migrationStatuses,
} from '../domain/migration/migration.js';
import type { OperationView } from '../domain/migration/operation-view.js';
import { unmappedColumnChoices } from '../domain/migration/options.js';
import { operationSchema } from './operations.js';
import { requesterHeaders } from './requester-headers.js';
import { schemaOf } from './schema-of.js';
import { emptyBody, nullable, oneOf } from './shapes.js';

/** Named as `idParameter` is: OpenAPI takes two names at one place of a path for the same path twice. */
export const kindParameter = Type.Object({
  id: Type.String({ description: `the kind: ${contractKinds.join(', ')}` }),
});

/** Settings of a start; each may be left out. */
export const optionsSchema = Type.Object(
  {
    batch_rows: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000 })),
    batch_bytes: Type.Optional(Type.Integer({ minimum: 1024, maximum: 64 * 1024 * 1024 })),
    lanes: Type.Optional(Type.Integer({ minimum: 1, maximum: 16 })),
    reject_limit_percent: Type.Optional(Type.Number({ minimum: 0, maximum: 100 })),
    rows_per_second: Type.Optional(nullable<number>({ type: 'integer', minimum: 1 })),
    legacy_latency_limit_ms: Type.Optional(nullable<number>({ type: 'integer', minimum: 1 })),
    unmapped_columns: Type.Optional(oneOf(unmappedColumnChoices)),
  },
  { title: 'MigrationOptions', additionalProperties: false },
);

export const startBody = Type.Object(
  {
    id: Type.Optional(Type.String({ pattern: migrationIdPattern })),
    mode: Type.Optional(oneOf(migrationModes)),
    options: Type.Optional(optionsSchema),
  },
  { title: 'StartRequest', additionalProperties: false },
);

/** Those of a request that writes to the audit, and the key by which a repeated start is recognized. */
export const startHeaders = Type.Object({
  ...requesterHeaders.properties,
  'idempotency-key': Type.Optional(
    Type.String({ minLength: 1, maxLength: 200, description: 'a repeat with the same key answers with the same run' }),
  ),
});

/** The actions of a migration that have a route of this form, with the body of each. */
export const steeringBodies = {
  pause: emptyBody,
  resume: emptyBody,
  cancel: emptyBody,
  verify: emptyBody,
  repair: emptyBody,
  complete: emptyBody,
  cutover: Type.Object({ dry_run: Type.Optional(Type.Boolean()) }, { additionalProperties: false }),
  rollback: Type.Object({ rehearse: Type.Optional(Type.Boolean()) }, { additionalProperties: false }),
} as const satisfies Partial<Record<MigrationAction, object>>;

export const migrationSchema = schemaOf<MigrationView>()(
  Type.Object(
    {
      id: Type.String(),
      kind: Type.Unsafe<MigrationKind>(oneOf(contractKinds)),
      mode: oneOf(migrationModes),
      workflow_id: Type.String(),
      run_id: nullable<string>({ type: 'string' }),
      status: oneOf(migrationStatuses),
      stage: oneOf(migrationStages),
      progress: Type.Object({
        total: Type.Integer(),
        total_estimated: Type.Boolean(),
        migrated: Type.Integer(),
        rejected: Type.Integer(),
        verified: Type.Integer(),
        rate_per_second: Type.Integer(),
        eta_seconds: nullable<number>({ type: 'integer' }),
        items: Type.Union(
          [Type.Object({ passed: Type.Integer(), taken_back: Type.Integer(), left: Type.Integer() }), Type.Null()],
          {
            description: 'Of a kind whose rows have steps of their own, as AI models; null for every other.',
          },
        ),
      }),
      verification: Type.Object({
        status: oneOf(['none', 'running', 'clean', 'mismatch']),
        compared: Type.Integer(),
        mismatches: Type.Array(Type.Object({ table: Type.String(), id: Type.String(), field: Type.String() })),
        finished_at: nullable<string>({ type: 'string' }),
      }),
      traffic: Type.Object({ enabled: Type.Boolean(), percentage: Type.Integer() }),
      ownership: Type.Object({
        owner: oneOf(['legacy', 'cube']),
        epoch: Type.Integer(),
        since: nullable<string>({ type: 'string' }),
      }),
      error: nullable<MigrationView['error']>(
        schemaOf<NonNullable<MigrationView['error']>>()(
          Type.Object({ type: Type.String(), message: Type.String(), hint: Type.String() }),
        ),
      ),
      actions: Type.Array(oneOf(migrationActions)),
      pending: nullable<MigrationAction>(
        Type.String({ description: 'an action that was accepted and is not carried out yet' }),
      ),
      last_operation: nullable<OperationView>(operationSchema),
      started_at: Type.String(),
      finished_at: nullable<string>({ type: 'string' }),
    },
    { $id: 'Migration' },
  ),
);

export const migrationListSchema = Type.Object(
  {
    items: Type.Array(Type.Unsafe<MigrationView>(Type.Ref('Migration#'))),
  },
  { title: 'MigrationList' },
);
export type MigrationList = Static<typeof migrationListSchema>;
