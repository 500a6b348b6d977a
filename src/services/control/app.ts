import Fastify, { type FastifyInstance } from 'fastify';
import { migrationSchema } from '../../api/migrations.js';
import { problemResponses, problemSchema } from '../../api/problem.js';
import { rejectPageSchema, rejectSummarySchema } from '../../api/rejects.js';
import { ledgerFailures } from '../../api/routes.js';
import { Failure } from '../../base/failures.js';
import { createAuthorization } from '../../http/authorization.js';
import { limitOptions, registerLimits } from '../../http/limits.js';
import { registerMetrics } from '../../http/metrics.js';
import { registerProblems, withSafe } from '../../http/problem.js';
import { createRequestContexts } from '../../http/request-context.js';
import { registerNotFound } from '../../http/route-methods.js';
import { postgresFailure } from '../../postgres/errors.js';
import { createLastWeights } from '../../traffic/last-weights.js';
import { registerAuditRoutes } from './audit/audit.js';
import { registerCubeRoutes } from './cubes/cubes.js';
import { registerDeploymentRoutes } from './cubes/deployments.js';
import { registerKnownSecretsRoute } from './cubes/known-secrets.js';
import { registerRollbackRoutes } from './cubes/rollbacks.js';
import type { ControlDependencies, ControlSettings } from './dependencies.js';
import { registerHealthRoutes } from './health.js';
import { registerEventRoutes } from './migrations/events.js';
import { createMigrationFeed } from './migrations/feed.js';
import { registerFilesWithoutRows } from './migrations/files-without-rows.js';
import { collectMigrationMetrics } from './migrations/migration-metrics.js';
import { registerMigrationRoutes } from './migrations/migrations.js';
import { registerRejectRoutes } from './migrations/rejects.js';
import { registerReportRoutes } from './migrations/report.js';
import { someMigrations } from './migrations/views.js';
import { registerModelRoutes } from './models/models.js';
import { registerDocs } from './openapi/docs-page.js';
import { registerOpenapi } from './openapi/document.js';
import { registerBlobRoutes } from './storage/blobs.js';
import { registerRampRoutes } from './traffic/ramps.js';
import { registerTrafficRoutes } from './traffic/traffic.js';

/** The control API without its listener. */
export async function buildControlApp(settings: ControlSettings): Promise<FastifyInstance> {
  const contexts = createRequestContexts();
  const app: FastifyInstance = Fastify({
    ...(settings.logger === false ? { logger: false } : { loggerInstance: settings.logger }),
    ...limitOptions(),
    // A request during shutdown is answered too, and never by a body that is no problem.
    return503OnClosing: false,
    ...contexts.options,
    routerOptions: { maxParamLength: 200 },
    // Nothing is coerced: a null limit must not become the limit 0.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: false } },
  });
  // Fastify reads plain text too; here it would pass for a body that lacks its fields.
  app.removeContentTypeParser('text/plain');
  const closing = new AbortController();
  app.addHook('preClose', async () => closing.abort());
  contexts.register(app);
  registerLimits(app);
  const methods = registerNotFound(app);
  app.decorate(withSafe, true);
  registerProblems(app, postgresFailure('cube'));
  app.addSchema(problemSchema);
  app.addSchema(migrationSchema);
  app.addSchema(rejectPageSchema);
  app.addSchema(rejectSummarySchema);
  await registerOpenapi(app);
  const weights = createLastWeights(settings.redis);
  const deps: ControlDependencies = {
    ...settings,
    weights,
    closing: closing.signal,
    authorization: createAuthorization(app, settings.tokens),
    feed: createMigrationFeed((ids) => someMigrations({ cube: settings.cube, weights }, ids)),
  };
  registerMetrics(app, 'control', {
    collect: (registry) => collectMigrationMetrics(registry, settings.cube, weights),
    problems: problemResponses(...ledgerFailures),
  });
  // Routes registered in a plugin of their own come after swagger has hooked in.
  await app.register(async (routes) => {
    registerHealthRoutes(routes, deps);
    registerMigrationRoutes(routes, deps);
    registerRejectRoutes(routes, deps);
    registerFilesWithoutRows(routes, deps);
    registerEventRoutes(routes, deps);
    registerReportRoutes(routes, deps);
    registerAuditRoutes(routes, deps);
    registerModelRoutes(routes, deps);
    registerBlobRoutes(routes, deps);
    registerCubeRoutes(routes, deps);
    registerTrafficRoutes(routes, deps);
    registerRampRoutes(routes, deps);
    registerDeploymentRoutes(routes, deps);
    registerRollbackRoutes(routes, deps);
    registerKnownSecretsRoute(routes, deps);
    await registerDocs(routes);
    routes.post('/v1/migrations/:id/*', { schema: { hide: true } }, async (request, reply) => {
      if (await methods.refuse(request, reply)) return;
      throw new Failure('not_found', 'There is no such action.', { hint: 'See /openapi.json for what there is.' });
    });
  });
  return app;
}
