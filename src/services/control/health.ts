import type { FastifyInstance } from 'fastify';
import { controlHealthSchema, controlReadySchema } from '../../api/health.js';
import { packageVersion } from '../../base/package-root.js';
import { checkLedgerVersion, knownLedgerVersion, ledgerVersion } from '../../postgres/ledger/schema.js';
import type { ControlDependencies } from './dependencies.js';

/** Liveness with dependencies, and readiness: the ledger is what nothing works without. */
export function registerHealthRoutes(app: FastifyInstance, deps: ControlDependencies): void {
  const ledgerAnswers = () =>
    checkLedgerVersion(deps.cube).then(
      () => true,
      () => false,
    );
  // A database that answers but holds no ledger yet is not enough: every call would fail.
  const ledgerIsThere = () =>
    ledgerVersion(deps.cube).then(
      (version) => version === knownLedgerVersion(),
      () => false,
    );
  const redisAnswers = () =>
    deps.redis.ping().then(
      () => true,
      () => false,
    );
  const word = (answers: boolean) => (answers ? 'ok' : 'unreachable');
  const health = {
    operationId: 'getHealth',
    tags: ['service'],
    summary: 'Liveness, dependencies, version',
    response: { 200: controlHealthSchema },
  };
  app.get('/health', { schema: health }, async () => {
    const [database, temporal, redis] = await Promise.all([
      ledgerAnswers(),
      deps.workflows.reachable(),
      redisAnswers(),
    ]);
    return {
      status: database && temporal && redis ? 'ok' : 'degraded',
      version: packageVersion(),
      dependencies: { cube_database: word(database), temporal: word(temporal), redis: word(redis) },
    };
  });
  const readiness = {
    operationId: 'getReadiness',
    tags: ['service'],
    summary: '200 once it can serve',
    response: { 200: controlReadySchema, 503: controlReadySchema },
  };
  app.get('/ready', { schema: readiness }, async (_request, reply) => {
    const ready = await ledgerIsThere();
    return reply.code(ready ? 200 : 503).send({ ready });
  });
}
