import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { knownSecretsSchema } from '../../../api/known-secrets.js';
import { problemResponses } from '../../../api/problem.js';

import { Failure } from '../../../base/failures.js';
import { cubeDefinitions } from '../../../domain/cubes.js';
import { readRegistry } from '../../../registry/instances.js';
import { readSecretsReports, type SecretsReport } from '../../../registry/known-secrets.js';
import type { ControlDependencies } from '../dependencies.js';

/** Who knows which secret of cube tokens: what `secret change` waits for. */
export function registerKnownSecretsRoute(app: FastifyInstance, deps: ControlDependencies): void {
  app.withTypeProvider<TypeBoxTypeProvider>().get(
    '/v1/known-secrets',
    {
      onRequest: deps.authorization.require('migration:read'),
      schema: {
        operationId: 'listKnownSecrets',
        tags: ['service'],
        summary: 'Which secrets of cube tokens each program knows, by their fingerprints',
        response: { 200: knownSecretsSchema, ...problemResponses('redis_unreachable') },
      },
    },
    async () => {
      const programs = await programsOf(deps).catch((error: unknown) => {
        throw new Failure('redis_unreachable', 'Redis cannot say which programs there are.', { cause: error });
      });
      return {
        programs: programs.map(({ program, fingerprints, age }) => ({
          program,
          fingerprints: [...fingerprints],
          seconds_ago: Math.floor(age),
        })),
      };
    },
  );
}

/** Those that report, and instances of the registry that do not: they know only what they were started with. */
async function programsOf({ redis, admits }: ControlDependencies): Promise<readonly SecretsReport[]> {
  const [reports, ...registries] = await Promise.all([
    readSecretsReports(redis),
    ...cubeDefinitions.map(({ cubeId }) => readRegistry(redis, cubeId, admits)),
  ]);
  const instances = registries.flatMap(({ alive, stale }) => [...alive, ...stale]);
  const mute = instances
    .map(({ cube_id, instance_id }) => `${cube_id}/${instance_id}`)
    .filter((program) => !reports.some((report) => report.program === program));
  return [...reports, ...mute.map((program) => ({ program, fingerprints: [], age: 0 }))];
}
