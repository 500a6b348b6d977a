import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { problemResponses } from '../../../api/problem.js';
import { signedReportSchema } from '../../../api/report.js';
import { idParameter, ledgerFailures } from '../../../api/routes.js';
import { signReport } from '../../../auth/report-signature.js';
import { packageVersion } from '../../../base/package-root.js';
import { readReport } from '../../../postgres/ledger/report-records.js';
import type { ControlDependencies } from '../dependencies.js';
import { knownMigration } from './views.js';

/** The evidence of a migration: what was moved, rejected and compared, and who sent which commands; signed. */
export function registerReportRoutes(app: FastifyInstance, deps: ControlDependencies): void {
  app.withTypeProvider<TypeBoxTypeProvider>().get(
    '/v1/migrations/:id/report',
    {
      onRequest: deps.authorization.require('migration:read'),
      schema: {
        operationId: 'getReport',
        tags: ['migrations'],
        summary: 'The signed evidence report',
        params: idParameter,
        response: {
          200: signedReportSchema,
          ...problemResponses('not_found', ...ledgerFailures),
        },
      },
    },
    async (request) => {
      const migration = await knownMigration(deps, request.params.id);
      const records = await readReport(deps.cube, migration);
      return {
        ...signReport(deps.secret(), {
          made_at: deps.clock().toISOString(),
          engine_version: packageVersion(),
          migration,
          ...records,
        }),
      };
    },
  );
}
