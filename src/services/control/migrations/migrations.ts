import { randomUUID } from 'node:crypto';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import {
  kindParameter,
  migrationListSchema,
  startBody,
  startHeaders,
  steeringBodies,
} from '../../../api/migrations.js';
import { problemResponses } from '../../../api/problem.js';
import { requesterHeaders } from '../../../api/requester-headers.js';
import { acceptedMigration, idParameter, ledgerFailures } from '../../../api/routes.js';
import { Failure } from '../../../base/failures.js';
import { contractKinds, defaultOptionsOf, type MigrationKind, migrationKinds } from '../../../domain/catalog.js';
import { isMigrationId } from '../../../domain/migration/migration.js';
import type { MigrationOptions } from '../../../domain/migration/options.js';
import { requesterName } from '../../../http/requester.js';
import { findStart, recordRunId, recordStart } from '../../../postgres/ledger/runs.js';
import { audited } from '../audit/audited.js';
import type { ControlDependencies } from '../dependencies.js';
import { steer } from './steering.js';
import { allMigrations, knownMigration } from './views.js';

const found = {
  200: { $ref: 'Migration#' },
  ...problemResponses('not_found', ...ledgerFailures),
};

/** Starting, reading and steering migrations. */
export function registerMigrationRoutes(app: FastifyInstance, deps: ControlDependencies): void {
  const routes = app.withTypeProvider<TypeBoxTypeProvider>();
  const { cube, workflows, authorization } = deps;
  const reads = authorization.require('migration:read');
  const writes = authorization.require('migration:write');

  routes.get(
    '/v1/migrations',
    {
      onRequest: reads,
      schema: {
        operationId: 'listMigrations',
        tags: ['migrations'],
        summary: 'All migrations',
        response: {
          200: migrationListSchema,
          ...problemResponses(...ledgerFailures),
        },
      },
    },
    async () => ({ items: await allMigrations(deps) }),
  );

  routes.get(
    '/v1/migrations/:id',
    {
      onRequest: reads,
      schema: {
        operationId: 'getMigration',
        tags: ['migrations'],
        summary: 'One migration',
        params: idParameter,
        response: found,
      },
    },
    (request) => knownMigration(deps, request.params.id),
  );

  routes.post(
    '/v1/migrations/:id',
    {
      onRequest: writes,
      schema: {
        operationId: 'startMigration',
        tags: ['migrations'],
        summary: 'Start a migration',
        params: kindParameter,
        headers: startHeaders,
        body: startBody,
        response: acceptedMigration,
      },
    },
    async (request, reply) => {
      const kind = availableKind(request.params.id);
      const { mode = 'copy', options } = request.body;
      checkMode(mode);
      const idempotencyKey = request.headers['idempotency-key'];
      const start = {
        id: newId(request.body.id),
        kind,
        mode,
        options: completeOptions(kind, options),
        idempotencyKey,
        by: requesterName(authorization, request),
      };
      const begin = async () => {
        const input = await recordStart(cube, start);
        const known = await knownMigration(deps, input.id);
        if (known.run_id === null && known.finished_at === null) {
          const { runId } = await workflows.start(input);
          await recordRunId(cube, input.id, runId);
        }
        return input.id;
      };
      // A run that cannot be started is not put on record either; one on record is answered from there.
      if ((await findStart(cube, start)) !== undefined)
        return reply.code(202).send(await knownMigration(deps, await begin()));
      if (!(await workflows.reachable()))
        throw new Failure('temporal_unreachable', 'The Temporal server cannot be reached.', {
          safe: 'Nothing was started.',
        });
      const details = { kind, mode, options: start.options };
      const begun = await audited(deps, request, { action: 'migration.start', subject: start.id, details }, begin);
      return reply.code(202).send(await knownMigration(deps, begun));
    },
  );

  for (const [action, body] of Object.entries(steeringBodies) as [keyof typeof steeringBodies, object][]) {
    routes.post(
      `/v1/migrations/:id/${action}`,
      {
        onRequest: writes,
        schema: {
          operationId: `${action}Migration`,
          tags: ['migrations'],
          summary: summaries[action],
          params: idParameter,
          headers: requesterHeaders,
          body: { anyOf: [body, { type: 'null' }] },
          response: acceptedMigration,
        },
      },
      async (request, reply) => {
        if (isTrial(request.body))
          throw new Failure('not_at_this_stage', `${action} cannot be tried out in mode copy.`, {
            hint: 'Leave rehearse or dry_run out to do it.',
          });
        const by = requesterName(authorization, request);
        return reply.code(202).send(await steer(deps, request, request.params.id, action, { by }));
      },
    );
  }
}

const summaries = {
  pause: 'Pause a migration; it keeps its stage',
  resume: 'Continue a paused or blocked migration',
  cancel: 'End a migration; moved rows and ledger stay, and a later one adopts them',
  verify: 'Compare both databases again, every row and every field',
  repair: 'Move again what a verification found to differ',
  complete: 'Accept a migration; there is no way back',
  cutover:
    'Make the cube the owner of the writes: of mode live alone, which this version does not have, so every call is refused with 409',
  rollback: 'Remove every row that runs of the kind put into the cube database',
} as const satisfies Record<keyof typeof steeringBodies, string>;

/** Whether the body requests a rehearsal or a dry run: those are of mode live. */
function isTrial(body: unknown): boolean {
  return typeof body === 'object' && body !== null && Object.values(body).includes(true);
}

function availableKind(name: string): MigrationKind {
  const kind = migrationKinds.find((known) => known === name);
  if (kind !== undefined) return kind;
  if (!contractKinds.includes(name))
    throw new Failure('not_found', `There is no kind ${clip(name)}.`, {
      hint: `Kinds are ${contractKinds.join(', ')}.`,
    });
  throw new Failure('invalid_input', `Migrations of kind ${name} are not available in this version.`, {
    details: { field: 'kind' },
  });
}

function checkMode(mode: string): void {
  if (mode !== 'copy') {
    throw new Failure('invalid_input', `Mode ${mode} is not available in this version.`, {
      hint: 'Use mode copy.',
      details: { field: 'body.mode' },
    });
  }
}

function newId(requested: string | undefined) {
  const id = requested ?? `m-${randomUUID().slice(0, 13)}`;
  if (!isMigrationId(id))
    throw new Failure('invalid_input', 'body.id is not an id.', { details: { field: 'body.id' } });
  return id;
}

function completeOptions(
  kind: MigrationKind,
  given: { readonly [Name in keyof MigrationOptions]?: MigrationOptions[Name] | undefined } | undefined,
): MigrationOptions {
  const set = Object.entries(given ?? {}).filter(([, value]) => value !== undefined);
  return { ...defaultOptionsOf(kind), ...Object.fromEntries(set) };
}

function clip(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
