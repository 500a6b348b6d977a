import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { problemResponses } from '../../../api/problem.js';
import { acceptBody, rejectPageQuery, retryBody } from '../../../api/rejects.js';
import { requesterHeaders } from '../../../api/requester-headers.js';
import { idParameter, ledgerFailures, planProblems } from '../../../api/routes.js';
import { Failure } from '../../../base/failures.js';
import { kindEntry, type MigrationKind } from '../../../domain/catalog.js';
import { mainTableOf, parseRowName, type RowRef, rowName } from '../../../domain/migration/row-name.js';
import { hasUnresolvedReject, readRejectPage } from '../../../postgres/ledger/reject-page.js';
import type { ControlDependencies } from '../dependencies.js';
import { steer } from './steering.js';
import { knownMigration } from './views.js';

const accepted = {
  202: { $ref: 'Migration#' },
  ...planProblems,
};

/** What could not be moved: reading, retrying and accepting it. */
export function registerRejectRoutes(app: FastifyInstance, deps: ControlDependencies): void {
  const routes = app.withTypeProvider<TypeBoxTypeProvider>();
  const { cube, authorization } = deps;
  const writes = authorization.require('migration:write');

  routes.get(
    '/v1/migrations/:id/rejects',
    {
      onRequest: authorization.require('records:read'),
      schema: {
        operationId: 'listRejects',
        tags: ['rejects'],
        summary: 'Rejected rows with their contents',
        params: idParameter,
        querystring: rejectPageQuery,
        response: {
          200: { $ref: 'RejectPage#' },
          ...problemResponses('not_found', ...ledgerFailures),
        },
      },
    },
    async (request) => {
      const { kind } = await knownMigration(deps, request.params.id);
      const tables = kindEntry(kind).tables;
      const { cursor } = request.query;
      const [after] = readRowNames('querystring.cursor', kind, cursor === undefined ? [] : [cursor]);
      const max = Number(request.query.limit ?? 100);
      const listed = tables.map(({ name }) => ({ name, isParent: tables.some(({ parent }) => parent === name) }));
      const items = await readRejectPage(cube, request.params.id, listed, after, max);
      const last = items.length === max ? items.at(-1) : undefined;
      return { items, next_cursor: last === undefined ? null : rowName(last, mainTableOf(kind)) };
    },
  );

  routes.post(
    '/v1/migrations/:id/rejects/retry',
    {
      onRequest: writes,
      schema: {
        operationId: 'retryRejects',
        tags: ['rejects'],
        summary: 'Try rejects again',
        params: idParameter,
        headers: requesterHeaders,
        body: { anyOf: [retryBody, { type: 'null' }] },
        response: accepted,
      },
    },
    async (request, reply) => {
      const body = request.body as { ids?: string[] } | null;
      await checkKnownIds(deps, request.params.id, body?.ids);
      const by = authorization.callerOf(request).cubeId;
      const steering = { by, ...(body?.ids === undefined ? {} : { ids: body.ids }) };
      return reply.code(202).send(await steer(deps, request, request.params.id, 'rejects/retry', steering));
    },
  );

  routes.post(
    '/v1/migrations/:id/rejects/accept',
    {
      onRequest: writes,
      schema: {
        operationId: 'acceptRejects',
        tags: ['rejects'],
        summary: 'Accept rejects as they are',
        params: idParameter,
        headers: requesterHeaders,
        body: acceptBody,
        response: accepted,
      },
    },
    async (request, reply) => {
      const { ids, all, by, why } = request.body;
      if ((ids === undefined) === (all === undefined))
        throw new Failure('invalid_input', 'The body must have either ids or all.', { details: { field: 'body.ids' } });
      await checkKnownIds(deps, request.params.id, ids);
      const steering = { by, why, ids: ids ?? ('all' as const) };
      return reply.code(202).send(await steer(deps, request, request.params.id, 'rejects/accept', steering));
    },
  );
}

/** Throws `not_found` where none of the ids is one of a reject that is not in the target: nothing would be done. */
async function checkKnownIds(deps: ControlDependencies, id: string, ids: readonly string[] | undefined): Promise<void> {
  const { kind } = await knownMigration(deps, id);
  const rows = readRowNames('body.ids', kind, ids ?? []);
  if (ids === undefined || (await hasUnresolvedReject(deps.cube, id, rows))) return;
  throw new Failure('not_found', `None of these ids is a reject of migration ${id}; nothing was done.`, {
    hint: `List its rejects with \`cubeshift migrate rejects ${id}\`.`,
  });
}

/**
 * Rows as a request names them. Nineteen digits may be more than a bigint holds: refused here, not by the database in the
 * middle of a run, and so is a table that the kind does not have.
 */
function readRowNames(field: string, kind: MigrationKind, names: readonly string[]): readonly RowRef[] {
  const tables = kindEntry(kind).tables.map(({ name }) => name);
  const rows = names.map((name) => parseRowName(name, mainTableOf(kind)));
  const strange = rows.find(({ table }) => !tables.includes(table));
  if (strange !== undefined) {
    throw new Failure('invalid_input', `${field} names a table ${strange.table}, which ${kind} does not have.`, {
      hint: `Its tables are ${tables.join(', ')}.`,
      details: { field },
    });
  }
  if (rows.every(({ id }) => BigInt.asIntN(64, BigInt(id)) === BigInt(id))) return rows;
  throw new Failure('invalid_input', `${field} must hold ids of 64 bits.`, { details: { field } });
}
