import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { auditCheckQuery, auditCheckSchema, auditPageQuery, auditPageSchema } from '../../../api/audit.js';
import { problemResponses } from '../../../api/problem.js';
import { ledgerFailures } from '../../../api/routes.js';

import { Failure } from '../../../base/failures.js';
import { maxKey } from '../../../domain/migration/key-range.js';
import { checkAudit, readAudit } from '../../../postgres/audit.js';
import type { ControlDependencies } from '../dependencies.js';

const afterEveryEntry = maxKey.toString();

/** Who changed what, and whether the audit is still as it was written. */
export function registerAuditRoutes(app: FastifyInstance, deps: ControlDependencies): void {
  const routes = app.withTypeProvider<TypeBoxTypeProvider>();
  const reads = deps.authorization.require('migration:read');
  const problems = problemResponses(...ledgerFailures);

  routes.get(
    '/v1/audit',
    {
      onRequest: reads,
      schema: {
        operationId: 'listAudit',
        tags: ['audit'],
        summary: 'Who changed what, the newest first',
        querystring: auditPageQuery,
        response: { 200: auditPageSchema, ...problems },
      },
    },
    async (request) => {
      const { cursor = afterEveryEntry } = request.query;
      if (BigInt.asIntN(64, BigInt(cursor)) !== BigInt(cursor))
        throw new Failure('invalid_input', 'querystring.cursor must be an id of 64 bits.', {
          details: { field: 'querystring.cursor' },
        });
      const limit = Number(request.query.limit ?? 100);
      const items = await readAudit(deps.cube, { before: cursor, limit });
      return {
        items: items.map((entry) => ({ ...entry })),
        next_cursor: items.length === limit ? String(items.at(-1)?.seq) : null,
      };
    },
  );

  routes.get(
    '/v1/audit/check',
    {
      onRequest: reads,
      schema: {
        operationId: 'checkAudit',
        tags: ['audit'],
        summary: 'Whether the audit is as it was written',
        querystring: auditCheckQuery,
        response: { 200: auditCheckSchema, ...problems },
      },
    },
    async (request) => {
      const [seq, hash] = request.query.anchor?.split(':') ?? [];
      const anchor = seq === undefined || hash === undefined ? undefined : { seq: Number(seq), hash };
      const { entries, head, broken } = await checkAudit(deps.cube, anchor);
      return { intact: broken === null, entries, head, broken };
    },
  );
}
