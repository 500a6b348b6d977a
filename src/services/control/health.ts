import type { FastifyInstance } from 'fastify';
import { packageVersion } from '../../package-root.js';
import { checkLedgerVersion } from '../../postgres/ledger-schema.js';
import type { ControlDependencies } from './dependencies.js';

/** Liveness with dependencies, and readiness: the ledger is what nothing works without. */
export function registerHealthRoutes(app: FastifyInstance, deps: ControlDependencies): void {
  const ledgerAnswers = () =>
    checkLedgerVersion(deps.cube).then(
      () => true,
      () => false,
    );
  app.get('/health', { schema: { summary: 'Liveness, dependencies, version' } }, async () => {
    const [database, temporal] = await Promise.all([ledgerAnswers(), deps.workflows.reachable()]);
    return {
      status: database && temporal ? 'ok' : 'degraded',
      version: packageVersion(),
      dependencies: { cube_database: database ? 'ok' : 'unreachable', temporal: temporal ? 'ok' : 'unreachable' },
    };
  });
  app.get('/ready', { schema: { summary: '200 once it can serve' } }, async (_request, reply) => {
    const ready = await ledgerAnswers();
    return reply.code(ready ? 200 : 503).send({ ready });
  });
}
