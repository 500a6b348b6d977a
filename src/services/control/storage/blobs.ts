import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { moveBody, moveSchema, sweepBody, sweepSchema } from '../../../api/blobs.js';
import { problemResponses } from '../../../api/problem.js';
import { requesterHeaders } from '../../../api/requester-headers.js';
import { ledgerFailures } from '../../../api/routes.js';
import type { MoveView } from '../../../domain/blob-move.js';
import type { SweepView } from '../../../domain/sweep.js';
import { moveStore } from '../../../storage/move.js';
import { sweepStore } from '../../../storage/sweep.js';
import { audited } from '../audit/audited.js';
import type { ControlDependencies } from '../dependencies.js';

/** Contents of the store: those that nothing refers to, and where all of them lie. */
export function registerBlobRoutes(app: FastifyInstance, deps: ControlDependencies): void {
  const { cube, clock, reach } = deps;

  app.withTypeProvider<TypeBoxTypeProvider>().post(
    '/v1/blobs/sweep',
    {
      onRequest: deps.authorization.require('migration:write'),
      schema: {
        operationId: 'sweepBlobs',
        tags: ['blobs'],
        summary: 'Remove from the store what nothing refers to for a day',
        headers: requesterHeaders,
        body: sweepBody,
        response: {
          200: sweepSchema,
          ...problemResponses('not_at_this_stage', 'configuration_invalid', 'storage_unreachable', ...ledgerFailures),
        },
      },
    },
    async (request) => {
      const { dry_run: dryRun, cursor } = request.body;
      const sweep = () => sweepStore({ cube, store: deps.store(), clock, reach }, { dryRun, cursor });
      const act = { action: 'blobs.sweep', subject: 'store', details: { from: cursor ?? null } };
      const view = await (dryRun ? sweep() : audited(deps, request, act, sweep, countsOf));
      return { ...view, items: view.items.map((item) => ({ ...item })) };
    },
  );

  app.withTypeProvider<TypeBoxTypeProvider>().post(
    '/v1/blobs/move',
    {
      onRequest: deps.authorization.require('migration:write'),
      schema: {
        operationId: 'moveBlobs',
        tags: ['blobs'],
        summary: 'Bring the contents of the store to another place, each read back there',
        headers: requesterHeaders,
        body: moveBody,
        response: {
          200: moveSchema,
          ...problemResponses(
            'not_at_this_stage',
            'configuration_invalid',
            'storage_unreachable',
            'disk_full',
            ...ledgerFailures,
          ),
        },
      },
    },
    async (request) => {
      const { to, cursor } = request.body;
      // Before the act is on record, for good: what is no place may be a key that was typed with it.
      const target = await deps.moveTarget(to);
      const move = () => moveStore({ cube, store: deps.store(), target, to }, cursor);
      const act = { action: 'blobs.move', subject: 'store', details: { to, from: cursor ?? null } };
      const view = await audited(deps, request, act, move, moveCountsOf);
      return { ...view, items: view.items.map((item) => ({ ...item })) };
    },
  );
}

function moveCountsOf({ contents, bytes, already_there, unmoved, missing_there }: MoveView) {
  return { contents, bytes, already_there, unmoved, missing_there };
}

function countsOf({ contents, bytes, temporary_files }: SweepView) {
  return { contents, bytes, temporary_files };
}
