import type { FastifyInstance } from 'fastify';
import { cubeHealthSchema, cubeReadySchema } from '../api/health.js';
import type { ReplacedModels } from '../api/replaced-models.js';
import type { CubeDefinition } from '../domain/cubes.js';
import type { InstanceState } from '../registry/instances.js';
import type { DependencyHealth } from './dependency-health.js';

/** What a cube reports about itself. */
export interface CubeIdentityOptions {
  readonly definition: CubeDefinition;
  readonly version: string;
  readonly instanceId: string;
  readonly startedAt: Date;
  /** The dependencies without which it cannot serve. */
  readonly needed: DependencyHealth;
  readonly optional: DependencyHealth;
  /** Of a cube with models: which of them legacy has replaced since they were moved; null while it is not known. */
  readonly replacedModels?: () => ReplacedModels | null;
  state: InstanceState;
}

/** `GET /health` says how the cube and each dependency is, always with 200; `GET /ready` is 503 while it cannot serve. */
export function registerCubeHealth(app: FastifyInstance, cube: CubeIdentityOptions, clock: () => Date): void {
  const health = { summary: 'Liveness, dependencies, version', response: { 200: cubeHealthSchema } };
  app.get('/health', { schema: health }, async () => {
    const [needed, optional] = await Promise.all([cube.needed.check(), cube.optional.check()]);
    const states = { ...needed, ...optional };
    return {
      status: Object.values(states).every((state) => state === 'ok') ? 'ok' : 'degraded',
      cube_id: cube.definition.cubeId,
      instance_id: cube.instanceId,
      version: cube.version,
      state: cube.state,
      uptime_seconds: Math.floor((clock().getTime() - cube.startedAt.getTime()) / 1000),
      dependencies: states,
      ...(cube.replacedModels === undefined ? {} : { replaced_models: cube.replacedModels() }),
    };
  });
  const readiness = { summary: '200 once it can serve', response: { 200: cubeReadySchema, 503: cubeReadySchema } };
  app.get('/ready', { schema: readiness }, async (_request, reply) => {
    const waiting = Object.entries(await cube.needed.check()).flatMap(([name, state]) =>
      state === 'ok' ? [] : [name],
    );
    const ready = waiting.length === 0 && cube.state !== 'draining';
    return reply.code(ready ? 200 : 503).send({ ready, state: cube.state, waiting_for: waiting });
  });
}
