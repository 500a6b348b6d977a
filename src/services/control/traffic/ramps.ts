import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Static } from 'typebox';
import { problemResponses } from '../../../api/problem.js';
import { rampSchema, rampStartBody, rampSteeringBodies } from '../../../api/ramps.js';
import { requesterHeaders } from '../../../api/requester-headers.js';
import { ledgerFailures, planProblems } from '../../../api/routes.js';
import { emptyBody } from '../../../api/shapes.js';
import { cubeParameter } from '../../../api/traffic.js';
import { Failure, toFailure } from '../../../base/failures.js';
import {
  type RampAction,
  type RampAnswer,
  type RampRequest,
  type RampView,
  withCurrentWeight,
} from '../../../domain/traffic/ramp/ramp.js';
import { type RampSettings, usualSettings } from '../../../domain/traffic/ramp/settings.js';
import { planSteps } from '../../../domain/traffic/ramp/steps.js';
import { requesterName } from '../../../http/requester.js';
import { checkWrites } from '../../../runtime/write-checks.js';
import { currentChange, readFlags } from '../../../traffic/flags.js';
import { audited } from '../audit/audited.js';
import type { ControlDependencies } from '../dependencies.js';
import { trafficNameOf } from './traffic.js';

const startProblems = problemResponses(
  'not_found',
  'conflict',
  'temporal_unreachable',
  'redis_unreachable',
  ...ledgerFailures,
);

/** Ramps of a cube: started, read and steered. */
export function registerRampRoutes(app: FastifyInstance, deps: ControlDependencies): void {
  const { ramps, redis, authorization } = deps;
  const routes = app.withTypeProvider<TypeBoxTypeProvider>();
  const writes = authorization.require('migration:write');
  app.addSchema(rampSchema);
  const answerOf = async (view: RampView): Promise<RampAnswer> => {
    const flags = await readFlags(redis, view.cube).catch((error: unknown) => {
      if (toFailure(error).type === 'redis_unreachable') return null;
      throw error;
    });
    return withCurrentWeight(view, flags === null ? null : { ...flags, change: currentChange(flags) });
  };
  const readRamp = async (cube: string): Promise<RampView> => {
    const name = trafficNameOf(cube);
    const view = await ramps.view(name);
    if (view === undefined) throw noRamp(name);
    return view;
  };
  const steer = async (call: FastifyRequest, cube: string, action: RampAction, request: RampRequest) => {
    const name = trafficNameOf(cube);
    // Which actions fit, the plan itself knows best.
    if (!(await ramps.isKnown(name))) throw noRamp(name);
    const { by: _by, ...details } = request;
    const act = { action: `ramp.${action}`, subject: name, details };
    return answerOf(await audited(deps, call, act, () => ramps.steer(name, action, request)));
  };

  routes.post(
    '/v1/traffic/:cube/ramp',
    {
      onRequest: writes,
      schema: {
        operationId: 'startRamp',
        tags: ['ramps'],
        summary: 'Ramp users over to the cube, step by step, with proof',
        params: cubeParameter,
        headers: requesterHeaders,
        body: { anyOf: [rampStartBody, { type: 'null' }] },
        response: { 202: { $ref: 'Ramp#' }, ...startProblems },
      },
    },
    async (request, reply) => {
      const cube = trafficNameOf(request.params.cube);
      const { target_percentage, step, steps, ...settings } = (request.body ?? {}) as Static<typeof rampStartBody>;
      const planned = planSteps({ target: target_percentage, step, steps });
      const target = planned.at(-1) ?? 0;
      const { percentage } = await readFlags(redis, cube);
      if (percentage !== null && percentage >= target)
        throw new Failure('conflict', `The weight of ${cube} is ${percentage} % already.`, {
          hint:
            percentage < 100
              ? `Ramp to more, or set it with \`cubeshift traffic set ${cube} PERCENTAGE\`.`
              : `Everybody is on the cube. Take users back with \`cubeshift traffic set ${cube} PERCENTAGE\`.`,
        });
      const writes = await checkWrites(deps, cube);
      if (!writes.passed)
        throw new Failure('conflict', `The ramp does not begin: ${writes.sentence}.`, {
          hint: `Give the cube's role its grants (README), then type \`cubeshift traffic ramp ${cube}\` again.`,
        });
      const by = requesterName(authorization, request);
      const input = { cube, steps: planned, settings: completeSettings(settings), by };
      const act = { action: 'ramp.start', subject: cube, details: { steps: planned, settings: input.settings } };
      await audited(deps, request, act, () => ramps.start(input));
      return reply.code(202).send(await answerOf(await readRamp(cube)));
    },
  );

  routes.get(
    '/v1/traffic/:cube/ramp',
    {
      onRequest: authorization.require('migration:read'),
      schema: {
        operationId: 'getRamp',
        tags: ['ramps'],
        summary: 'The last ramp of a cube, and why it is where it is',
        params: cubeParameter,
        response: { 200: { $ref: 'Ramp#' }, ...problemResponses('not_found', 'temporal_unreachable') },
      },
    },
    async (request) => answerOf(await readRamp(request.params.cube)),
  );

  routes.delete(
    '/v1/traffic/:cube/ramp',
    {
      onRequest: writes,
      schema: {
        operationId: 'stopRamp',
        tags: ['ramps'],
        summary: 'Stop the ramp; the weight stays',
        params: cubeParameter,
        headers: requesterHeaders,
        response: { 202: { $ref: 'Ramp#' }, ...planProblems },
      },
    },
    async (request, reply) => {
      const by = requesterName(authorization, request);
      return reply.code(202).send(await steer(request, request.params.cube, 'stop', { by }));
    },
  );

  for (const [action, body] of Object.entries(rampSteeringBodies) as [keyof typeof rampSteeringBodies, object][]) {
    routes.post(
      `/v1/traffic/:cube/ramp/${action}`,
      {
        onRequest: writes,
        schema: {
          operationId: `${action}Ramp`,
          tags: ['ramps'],
          summary: summaries[action],
          params: cubeParameter,
          headers: requesterHeaders,
          body: body === emptyBody ? { anyOf: [body, { type: 'null' }] } : body,
          response: { 202: { $ref: 'Ramp#' }, ...planProblems },
        },
      },
      async (request, reply) => {
        const by = requesterName(authorization, request);
        const steering = { ...((request.body ?? {}) as Omit<RampRequest, 'by'>), by };
        return reply.code(202).send(await steer(request, request.params.cube, action, steering));
      },
    );
  }
}

function noRamp(name: string): Failure {
  return new Failure('not_found', `There was no ramp of ${name}.`, {
    hint: `Start one with \`cubeshift traffic ramp ${name}\`.`,
  });
}

const summaries = {
  pause: 'Keep the weight as it is; the ramp still goes back when it must',
  resume: 'Let the ramp go on from the weight as it is',
  set: 'Go on from another weight',
  alarm: 'Send everybody back to legacy at once',
} as const satisfies Record<keyof typeof rampSteeringBodies, string>;

type GivenSettings = Omit<Static<typeof rampStartBody>, 'target_percentage' | 'step' | 'steps'>;

function completeSettings({ minimums, ...given }: GivenSettings): RampSettings {
  return { ...usualSettings, ...given, minimums: { ...usualSettings.minimums, ...minimums } } as RampSettings;
}
