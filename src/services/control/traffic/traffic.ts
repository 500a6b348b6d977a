import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { problemResponses } from '../../../api/problem.js';
import { requesterHeaders } from '../../../api/requester-headers.js';
import { ledgerFailures } from '../../../api/routes.js';

import { cubeParameter, type TrafficView, trafficChangeBody, trafficSchema } from '../../../api/traffic.js';
import { Failure } from '../../../base/failures.js';
import { cubeIdOf, findCube, isTrafficName, type TrafficName, trafficNames } from '../../../domain/cubes.js';
import { requesterName } from '../../../http/requester.js';
import type { StoredFlags } from '../../../traffic/flag-texts.js';
import { type FlagsChange, type FlagsRecord, readFlags, writeFlags } from '../../../traffic/flags.js';
import { audited } from '../audit/audited.js';
import type { ControlDependencies } from '../dependencies.js';

/** The weight of a cube: read, and set now. */
export function registerTrafficRoutes(app: FastifyInstance, deps: ControlDependencies): void {
  const { redis, authorization } = deps;
  const routes = app.withTypeProvider<TypeBoxTypeProvider>();
  app.addSchema(trafficSchema);

  routes.get(
    '/v1/traffic/:cube',
    {
      onRequest: authorization.require('migration:read'),
      schema: {
        operationId: 'getTraffic',
        tags: ['traffic'],
        summary: 'The traffic flags of a cube',
        params: cubeParameter,
        response: { 200: { $ref: 'Traffic#' }, ...problemResponses('not_found', 'redis_unreachable') },
      },
    },
    async (request) => {
      const name = trafficNameOf(request.params.cube);
      return viewOf(name, await readFlags(redis, name));
    },
  );

  routes.put(
    '/v1/traffic/:cube',
    {
      onRequest: authorization.require('migration:write'),
      schema: {
        operationId: 'setTraffic',
        tags: ['traffic'],
        summary: 'Set the traffic flags of a cube now',
        params: cubeParameter,
        headers: requesterHeaders,
        body: trafficChangeBody,
        response: {
          200: { $ref: 'Traffic#' },
          ...problemResponses('not_found', 'conflict', 'redis_unreachable', ...ledgerFailures),
        },
      },
    },
    async (request) => {
      const name = trafficNameOf(request.params.cube);
      const by = requesterName(authorization, request);
      const { why = '', only_if_percentage: onlyIfPercentage, ...change } = request.body;
      if (Object.keys(change).length === 0)
        throw new Failure('invalid_input', 'The body names nothing to change.', { details: { field: 'body' } });
      const before = await readFlags(redis, name);
      const terms = { by, why, ...(onlyIfPercentage === undefined ? {} : { onlyIfPercentage }) };
      if (onlyIfPercentage !== undefined && before.percentage !== onlyIfPercentage)
        throw anotherPercentage(before, onlyIfPercentage);
      const was = { enabled: before.enabled, percentage: before.percentage };
      const act = { action: 'traffic.set', subject: name, details: { ...auditedChange(change), was, why } };
      await audited(deps, request, act, async () => {
        const answer = await writeFlags(redis, name, change, terms);
        if ('conflict' in answer) throw anotherPercentage(answer.conflict, onlyIfPercentage);
      });
      return viewOf(name, await readFlags(redis, name));
    },
  );
}

/** The name in the keys, of itself or of a cube's id; 404 for anything else. */
export function trafficNameOf(cube: string): TrafficName {
  const name = findCube(cube)?.trafficName ?? cube;
  if (isTrafficName(name)) return name;
  throw new Failure('not_found', `There is no traffic to steer for ${cube.slice(0, 80)}.`, {
    hint: `There is for ${trafficNames.join(', ')}.`,
  });
}

/** The audit keeps its entries for ever: of the lists only their lengths, since users have a right to erasure. */
function auditedChange({ allow, deny, ...rest }: FlagsChange): Readonly<Record<string, unknown>> {
  return {
    ...rest,
    ...(allow === undefined ? {} : { allowed_users: allow.length }),
    ...(deny === undefined ? {} : { denied_users: deny.length }),
  };
}

function anotherPercentage({ percentage }: StoredFlags, expected: number | undefined): Failure {
  const is = percentage === null ? 'invalid' : percentage;
  return new Failure('conflict', `The percentage is ${is}, not ${expected}.`, {
    hint: 'Look at it again with `cubeshift traffic get CUBE`, then decide.',
  });
}

function viewOf(name: TrafficName, { enabled, percentage, lists, revision, changed }: FlagsRecord): TrafficView {
  const { by, why, at } = changed ?? {};
  return {
    cube: name,
    cube_id: cubeIdOf(name),
    enabled,
    percentage,
    allow: [...(lists?.allow ?? [])],
    deny: [...(lists?.deny ?? [])],
    revision,
    changed: by === undefined || why === undefined || at === undefined ? null : { by, why, at },
    problems: [
      ...(percentage === null ? ['The percentage in Redis is not a whole number from 0 to 100.'] : []),
      ...(lists === null ? ['The lists in Redis cannot be read.'] : []),
    ],
  };
}
