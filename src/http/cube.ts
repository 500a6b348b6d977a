import { setTimeout as sleep } from 'node:timers/promises';
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { problemSchema } from '../api/problem.js';
import type { ReplacedModels } from '../api/replaced-models.js';
import type { TokenVerifier } from '../auth/tokens.js';
import type { Failure } from '../base/failures.js';
import type { CubeDefinition } from '../domain/cubes.js';
import type { Rate } from '../domain/traffic/token-bucket.js';
import { writeCheckPath } from '../domain/traffic/write-check.js';
import type { RedisConnection } from '../redis/connection.js';
import { type InstanceState, type NewInstance, registerInstance } from '../registry/instances.js';
import { type Authorization, createAuthorization, type Permission } from './authorization.js';
import { type CubeIdentityOptions, registerCubeHealth } from './cube-health.js';
import { type DependencyCheck, watchDependencies } from './dependency-health.js';
import { limitOptions, limits, registerLimits } from './limits.js';
import { type MoreMetrics, registerMetrics } from './metrics.js';
import { ownUrl } from './own-url.js';
import { registerProblems } from './problem.js';
import { limitByAddress, type RateLimiter } from './rate-limit.js';
import { createRequestContexts } from './request-context.js';
import { type RouteMethods, registerNotFound } from './route-methods.js';
import { registerWriteCheck } from './write-check.js';

/** The options of every cube. */
export interface CubeOptions {
  readonly definition: CubeDefinition;
  readonly version: string;
  readonly instanceId: string;
  readonly logger: FastifyBaseLogger | false;
  readonly clock: () => Date;
  readonly tokens: TokenVerifier;
  /** Required dependencies: the cube is not ready while one of them does not answer. */
  readonly dependencies: Readonly<Record<string, DependencyCheck>>;
  /** Optional dependencies: in /health, without effect on /ready. */
  readonly optionalDependencies?: Readonly<Record<string, DependencyCheck>>;
  /** The permission for all of the cube's routes; without it each route requires its own. */
  readonly permission?: Permission;
  /** The rate limit by address; no limit without it. */
  readonly addressRate?: { readonly limiter: RateLimiter; readonly rate: Rate };
  /** Bytes; a mebibyte by default. */
  readonly bodyLimit?: number;
  /** Whether bodies are files: without a limit of total time, and with one between two parts. */
  readonly carriesFiles?: boolean;
  /** Translates errors of the technology behind the cube, for `registerProblems`. */
  readonly translate?: (error: unknown) => Failure | undefined;
  readonly moreMetrics?: MoreMetrics;
  /** Of a cube with models, for `/health`. */
  readonly replacedModels?: () => ReplacedModels | null;
  /** Tries a user's write and rolls it back; throws the failure that a user would get. */
  readonly tryWrite?: () => Promise<void>;
}

export interface Cube extends CubeIdentityOptions {
  readonly authorization: Authorization;
  /** For catch-all routes. */
  readonly methods: RouteMethods;
}

export type CubeApp = FastifyInstance & { readonly cube: Cube };

/**
 * A cube without its listener, with health, readiness, metrics, problems, request ids and traces, limits and token checks. The
 * caller adds its routes.
 */
export async function buildCube(options: CubeOptions): Promise<CubeApp> {
  const { definition, version, instanceId, permission } = options;
  const contexts = createRequestContexts();
  const app: FastifyInstance = Fastify({
    ...(options.logger === false ? { logger: false } : { loggerInstance: options.logger }),
    ...limitOptions(options.bodyLimit, options.carriesFiles),
    ...contexts.options,
    // Requests during shutdown are answered too: the caller cannot know of the shutdown.
    return503OnClosing: false,
    // A user id may be as long as its URL.
    routerOptions: { maxParamLength: limits.urlBytes },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: false } },
  });
  app.removeContentTypeParser('text/plain');
  contexts.register(app);
  registerLimits(app);
  if (options.addressRate !== undefined) limitByAddress(app, options.addressRate);
  const methods = registerNotFound(app, 'See the documentation of this cube for what there is.');
  registerProblems(app, options.translate ?? (() => undefined));
  app.addSchema(problemSchema);
  const authorization = createAuthorization(app, options.tokens, { behindGateway: true });
  if (permission !== undefined) requireEverywhere(app, authorization, permission);
  const cube: Cube = {
    definition,
    version,
    instanceId,
    startedAt: options.clock(),
    authorization,
    methods,
    needed: watchDependencies(options.dependencies),
    optional: watchDependencies(options.optionalDependencies ?? {}),
    state: 'starting',
    ...(options.replacedModels === undefined ? {} : { replacedModels: options.replacedModels }),
  };
  registerMetrics(app, definition.cubeId, options.moreMetrics);
  registerCubeHealth(app, cube, options.clock);
  registerWriteCheck(app, authorization, options.tryWrite);
  return Object.assign(app, { cube });
}

/** Closed by default: a route that forgets to require a permission must not be open. */
function requireEverywhere(app: FastifyInstance, authorization: Authorization, permission: Permission): void {
  const open = new Set(['/health', '/ready', '/metrics', writeCheckPath]);
  const check = authorization.require(permission);
  app.addHook('onRequest', async (request) => {
    if (!open.has(request.routeOptions.url ?? '')) await check(request);
  });
}

export interface RunOptions {
  readonly redis: RedisConnection;
  /** The current secret of cube tokens. */
  readonly secret: () => string;
  readonly host: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Its URL for others, where it differs from its own address. */
  readonly url?: string;
  /** Aborted to stop the cube. */
  readonly signal: AbortSignal;
  /** Time for gateways to see that it drains: two of their polls. */
  readonly drainMillis?: number;
}

const closeMillis = 30_000;
const checkEveryMillis = 250;
/** One failed check of a dependency does not make the cube unready. */
const maxFailedChecks = 3;

/**
 * Serves until aborted: listens, registers, and is ready while its dependencies answer. Then drains: gateways see it, requests in
 * flight are answered within thirty seconds, and it leaves the registry.
 */
export async function runCube(app: CubeApp, options: RunOptions): Promise<void> {
  const { cube } = app;
  await app.listen({ host: options.host, port: options.port });
  const entry: NewInstance = {
    cube_id: cube.definition.cubeId,
    instance_id: cube.instanceId,
    url: options.url ?? ownUrl(app.server),
    version: cube.version,
    state: cube.state,
    started_at: cube.startedAt.getTime(),
  };
  const registration = registerInstance(options.redis, entry, { secret: options.secret });
  const enter = async (state: InstanceState) => {
    if (cube.state === state) return;
    cube.state = state;
    app.log.info({ state }, 'cube changed its state');
    await registration.setState(state);
  };
  let failed = 0;
  while (!options.signal.aborted) {
    const states = Object.values(await cube.needed.check());
    failed = states.every((state) => state === 'ok') ? 0 : failed + 1;
    if (failed === 0) await enter('ready');
    else if (failed >= maxFailedChecks) await enter('starting');
    await sleep(checkEveryMillis, undefined, { signal: options.signal }).catch(() => undefined);
  }
  await enter('draining');
  await sleep(options.drainMillis ?? 1000);
  await closeGracefully(app);
  await registration.close();
}

async function closeGracefully(app: FastifyInstance): Promise<void> {
  // A connection with a response in flight at the close of the listener would stay open for its keep-alive time.
  const idle = setInterval(() => app.server.closeIdleConnections(), checkEveryMillis);
  const late = setTimeout(() => app.server.closeAllConnections(), closeMillis);
  try {
    await app.close();
  } finally {
    clearInterval(idle);
    clearTimeout(late);
  }
}
