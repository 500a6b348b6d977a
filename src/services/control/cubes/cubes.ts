import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { type CubeView, cubeListSchema, cubeSchema, type InstanceView } from '../../../api/cubes.js';
import { problemResponses } from '../../../api/problem.js';
import type { ReplacedModels } from '../../../api/replaced-models.js';
import { idParameter } from '../../../api/routes.js';
import { Failure } from '../../../base/failures.js';
import { type CubeDefinition, cubeDefinitions, findCube } from '../../../domain/cubes.js';
import { fetchBounded } from '../../../metrics/bounded-response.js';
import { redisFailure } from '../../../redis/failure.js';
import { type InstanceEntry, readActiveVersion, readInstances } from '../../../registry/instances.js';
import type { ControlDependencies } from '../dependencies.js';

/** The cubes of the system, what runs of each, and how it is now. */
export function registerCubeRoutes(app: FastifyInstance, deps: ControlDependencies): void {
  const routes = app.withTypeProvider<TypeBoxTypeProvider>();
  const reads = deps.authorization.require('migration:read');

  routes.get(
    '/v1/cubes',
    {
      onRequest: reads,
      schema: {
        operationId: 'listCubes',
        tags: ['cubes'],
        summary: 'Every cube: its versions, its instances, their health',
        response: {
          200: cubeListSchema,
          ...problemResponses('redis_unreachable'),
        },
      },
    },
    async () => ({ items: await Promise.all(cubeDefinitions.map((definition) => readCube(deps, definition))) }),
  );

  routes.get(
    '/v1/cubes/:id',
    {
      onRequest: reads,
      schema: {
        operationId: 'getCube',
        tags: ['cubes'],
        summary: 'One cube: its versions, its instances, their health',
        params: idParameter,
        response: {
          200: cubeSchema,
          ...problemResponses('not_found', 'redis_unreachable'),
        },
      },
    },
    async (request) => {
      const definition = findCube(request.params.id);
      if (definition === undefined)
        throw new Failure('not_found', `There is no cube ${request.params.id}.`, {
          hint: 'See the cubes with `cubeshift status`.',
        });
      return readCube(deps, definition);
    },
  );
}

async function readCube({ redis, admits }: ControlDependencies, definition: CubeDefinition): Promise<CubeView> {
  const { cubeId, type, port, prefix, trafficName } = definition;
  const [entries, activeVersion] = await Promise.all([
    readInstances(redis, cubeId, admits),
    readActiveVersion(redis, cubeId),
  ]).catch((error: unknown) => {
    throw redisFailure(error);
  });
  const instances = await Promise.all(entries.map(instanceView));
  return {
    cube_id: cubeId,
    type,
    port,
    prefix,
    traffic_name: trafficName,
    health: healthOf(instances),
    active_version: activeVersion ?? onlyVersionReady(entries),
    versions: [...new Set(entries.map(({ version }) => version))].sort(),
    instances,
  };
}

/** Before the first deployment gateways take every instance that is ready: where all are of one version, it serves. */
function onlyVersionReady(entries: readonly InstanceEntry[]): string | null {
  const [version, ...others] = new Set(entries.flatMap((one) => (one.state === 'ready' ? [one.version] : [])));
  return version === undefined || others.length > 0 ? null : version;
}

const answerMillis = 1500;

async function instanceView(entry: InstanceEntry): Promise<InstanceView> {
  const { instance_id, url, version, state, started_at, heartbeat_at } = entry;
  return {
    instance_id,
    url,
    version,
    state,
    started_at: new Date(started_at).toISOString(),
    heartbeat_at: new Date(heartbeat_at).toISOString(),
    ...(await healthAt(url)),
  };
}

/** What an instance says of itself; one that does not, or says nonsense, is unreachable. */
async function healthAt(url: string): Promise<Pick<InstanceView, 'health' | 'dependencies' | 'replaced_models'>> {
  const answer: unknown = await fetchBounded(`${url}/health`, AbortSignal.timeout(answerMillis))
    .then(JSON.parse)
    .catch(() => undefined);
  const { status, dependencies, replaced_models }: Partial<Record<string, unknown>> = Object(answer);
  if (status !== 'ok' && status !== 'degraded')
    return { health: 'unreachable', dependencies: {}, replaced_models: null };
  const states = Object.entries(Object(dependencies)).filter(([, state]) => state === 'ok' || state === 'unreachable');
  return {
    health: status,
    dependencies: Object.fromEntries(states.map(([name, state]) => [name, String(state)])),
    replaced_models: readReplacedModels(replaced_models),
  };
}

/** Null where an instance does not say, or says nonsense. */
function readReplacedModels(said: unknown): ReplacedModels | null {
  const { count, names }: { count?: unknown; names?: unknown } = Object(said);
  if (!Number.isSafeInteger(count) || Number(count) < 0 || !Array.isArray(names)) return null;
  return { count: Number(count), names: names.filter((name) => typeof name === 'string') };
}

function healthOf(instances: readonly InstanceView[]): string {
  if (instances.length === 0) return 'absent';
  if (instances.every(({ health }) => health === 'unreachable')) return 'unreachable';
  return instances.every(({ health, state }) => health === 'ok' && state === 'ready') ? 'ok' : 'degraded';
}
