import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { filesWithoutRowsPage, fileWithoutRowQuery } from '../../../api/files-without-rows.js';
import { problemResponses } from '../../../api/problem.js';
import { idParameter, ledgerFailures } from '../../../api/routes.js';
import { Failure } from '../../../base/failures.js';
import { readStart } from '../../../postgres/ledger/runs.js';
import { readFilesWithoutRows } from '../../../postgres/paperwork/files-without-rows.js';
import type { ControlDependencies } from '../dependencies.js';

/** Files of legacy's folder that no row of legacy's names: no migration moves them. */
export function registerFilesWithoutRows(app: FastifyInstance, { cube, authorization }: ControlDependencies): void {
  app.withTypeProvider<TypeBoxTypeProvider>().get(
    '/v1/migrations/:id/files-without-rows',
    {
      onRequest: authorization.require('migration:read'),
      schema: {
        operationId: 'listFilesWithoutRows',
        tags: ['migrations'],
        summary: 'Files of legacy that no row names, as the newest verification found them, page by page',
        params: idParameter,
        querystring: fileWithoutRowQuery,
        response: { 200: filesWithoutRowsPage, ...problemResponses('not_found', ...ledgerFailures) },
      },
    },
    async ({ params: { id }, query: { cursor, limit = '100' } }) => {
      const { kind } = await readStart(cube, id);
      if (kind !== 'paperwork-files')
        throw new Failure('not_found', `The rows of migration ${id}, of the kind ${kind}, name no files.`, {
          hint: 'Name a migration of the kind paperwork-files: `cubeshift migrate list` shows them.',
        });
      const { items, nextCursor } = await readFilesWithoutRows(cube, id, cursor ?? null, Number(limit));
      return { items: [...items], next_cursor: nextCursor };
    },
  );
}
