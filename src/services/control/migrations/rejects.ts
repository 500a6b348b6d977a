import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { problemResponses } from '../../../api/problem.js';
import { acceptBody, type RetryBody, rejectPageQuery, retryBody } from '../../../api/rejects.js';
import { requesterHeaders } from '../../../api/requester-headers.js';
import { acceptedMigration, idParameter, ledgerFailures } from '../../../api/routes.js';
import { Failure } from '../../../base/failures.js';
import { kindEntry, type MigrationKind } from '../../../domain/catalog.js';
import { isNamed, type RejectSelection, readSelection } from '../../../domain/migration/reject-selection.js';
import { mainTableOf, parseRowName, type RowRef, rowName } from '../../../domain/migration/row-name.js';
import { requesterName } from '../../../http/requester.js';
import { type RejectTable, readRejectPage } from '../../../postgres/ledger/reject-page.js';
import { readRejectSummary } from '../../../postgres/ledger/reject-summary.js';
import { readStart } from '../../../postgres/ledger/runs.js';
import { hasUnresolvedReject } from '../../../postgres/ledger/selected-rejects.js';
import type { ControlDependencies } from '../dependencies.js';
import { steer } from './steering.js';

/** What could not be moved: reading, retrying and accepting it. */
export function registerRejectRoutes(app: FastifyInstance, deps: ControlDependencies): void {
  const routes = app.withTypeProvider<TypeBoxTypeProvider>();
  const { cube, authorization } = deps;
  const reads = authorization.require('migration:read');
  const writes = authorization.require('migration:write');

  routes.get(
    '/v1/migrations/:id/rejects',
    {
      onRequest: reads,
      schema: {
        operationId: 'listRejects',
        tags: ['rejects'],
        summary: 'Rejected rows, page by page; with their contents for a token that holds records:read',
        params: idParameter,
        querystring: rejectPageQuery,
        response: {
          200: { $ref: 'RejectPage#' },
          ...problemResponses('not_found', ...ledgerFailures),
        },
      },
    },
    async (request) => {
      // The view of a run counts all its rejects; a page of them must not.
      const { kind } = await readStart(cube, request.params.id);
      const { cursor, table, reason, resolution } = request.query;
      checkTable('querystring.table', kind, table);
      const row = namedRow('querystring.id', kind, inTable(request.query.id, table));
      const after = namedRow('querystring.cursor', kind, cursor);
      const max = Number(request.query.limit ?? 100);
      const listed = listedTables(kind, table, row?.table);
      if (after !== undefined && !listed.some(({ name }) => name === after.table))
        throw new Failure(
          'invalid_input',
          `querystring.cursor is of a page of ${after.table}, which is not listed here.`,
          {
            hint: 'Take the cursor that the page before gave, with the same table and id.',
            details: { field: 'querystring.cursor' },
          },
        );
      const contents = authorization.callerOf(request).permissions.includes('records:read');
      const wanted = { id: row?.id, reason, resolution, contents };
      const items = await readRejectPage(cube, request.params.id, listed, wanted, after, max);
      const last = items.length === max ? items.at(-1) : undefined;
      return { items, next_cursor: last === undefined ? null : rowName(last, mainTableOf(kind)) };
    },
  );

  routes.get(
    '/v1/migrations/:id/rejects/summary',
    {
      onRequest: reads,
      schema: {
        operationId: 'summarizeRejects',
        tags: ['rejects'],
        summary: 'Rejected rows counted by table and reason, with what to do about each',
        params: idParameter,
        response: { 200: { $ref: 'RejectSummary#' }, ...problemResponses('not_found', ...ledgerFailures) },
      },
    },
    async (request) => readRejectSummary(cube, await readStart(cube, request.params.id)),
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
        response: acceptedMigration,
      },
    },
    async (request, reply) => {
      const selection = selectionOf((request.body as RetryBody | null) ?? {});
      await checkSelection(deps, request.params.id, selection);
      const by = requesterName(authorization, request);
      const steering = { by, ...(selection === undefined ? {} : { ids: selection }) };
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
        response: acceptedMigration,
      },
    },
    async (request, reply) => {
      const { all, by, why } = request.body;
      const selection = selectionOf(request.body);
      if ((selection === undefined) === (all === undefined))
        throw new Failure('invalid_input', 'The body must have one of ids, all, and table or reason.', {
          details: { field: 'body.ids' },
        });
      await checkSelection(deps, request.params.id, selection);
      const steering = { by, why, ids: selection ?? ('all' as const) };
      return reply.code(202).send(await steer(deps, request, request.params.id, 'rejects/accept', steering));
    },
  );
}

/** The selection of a body; undefined where it names nothing. */
function selectionOf({ ids, table, reason }: RetryBody): Exclude<RejectSelection, 'all'> | undefined {
  const filter = { ...(table === undefined ? {} : { table }), ...(reason === undefined ? {} : { reason }) };
  const isFiltered = table !== undefined || reason !== undefined;
  if (ids === undefined) return isFiltered ? filter : undefined;
  if (!isFiltered) return ids;
  throw new Failure('invalid_input', 'The body has ids and a table or a reason; it takes one or the other.', {
    details: { field: 'body.ids' },
  });
}

/** Throws `not_found` where no reject that is not in the target is selected: nothing would be done. */
async function checkSelection(
  deps: ControlDependencies,
  id: string,
  selection: RejectSelection | undefined,
): Promise<void> {
  const { kind } = await readStart(deps.cube, id);
  if (selection === undefined || selection === 'all') return;
  if (isNamed(selection)) readRowNames('body.ids', kind, selection);
  else checkTable('body.table', kind, selection.table);
  if (await hasUnresolvedReject(deps.cube, id, readSelection(selection, mainTableOf(kind)))) return;
  const what = isNamed(selection) ? 'None of these ids is a reject' : 'There is no such reject';
  throw new Failure('not_found', `${what} of migration ${id}.`, {
    hint: `List its rejects with \`cubeshift migrate rejects ${id}\`.`,
  });
}

/** The tables that a page lists, parents before their children: all of the kind but for those that a request excludes. */
function listedTables(kind: MigrationKind, ...wanted: readonly (string | undefined)[]): readonly RejectTable[] {
  const { tables } = kindEntry(kind);
  return tables
    .filter(({ name }) => wanted.every((one) => one === undefined || one === name))
    .map(({ name }) => ({ name, isParent: tables.some(({ parent }) => parent === name) }));
}

/** The name of a row in a table: `5` is of the main table where no other one is named. */
function inTable(name: string | undefined, table: string | undefined): string | undefined {
  return name === undefined || table === undefined || name.includes(':') ? name : `${table}:${name}`;
}

function namedRow(field: string, kind: MigrationKind, name: string | undefined): RowRef | undefined {
  return name === undefined ? undefined : readRowNames(field, kind, [name])[0];
}

/**
 * Rows as a request names them. Nineteen digits may be more than a bigint holds: refused here, not by the database in the
 * middle of a run, and so is a table that the kind does not have.
 */
function readRowNames(field: string, kind: MigrationKind, names: readonly string[]): readonly RowRef[] {
  const rows = names.map((name) => parseRowName(name, mainTableOf(kind)));
  for (const { table } of rows) checkTable(field, kind, table);
  if (rows.every(({ id }) => BigInt.asIntN(64, BigInt(id)) === BigInt(id))) return rows;
  throw new Failure('invalid_input', `${field} must hold ids of 64 bits.`, { details: { field } });
}

function checkTable(field: string, kind: MigrationKind, table: string | undefined): void {
  const tables = kindEntry(kind).tables.map(({ name }) => name);
  if (table === undefined || tables.includes(table)) return;
  throw new Failure('invalid_input', `${field} names a table ${table}, which ${kind} does not have.`, {
    hint: `Its tables are ${tables.join(', ')}.`,
    details: { field },
  });
}
