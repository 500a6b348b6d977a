import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { deployBody, deploymentSchema, scaleBody } from '../../../api/deployments.js';
import { problemResponses } from '../../../api/problem.js';
import { requesterHeaders } from '../../../api/requester-headers.js';
import { idParameter, ledgerFailures } from '../../../api/routes.js';
import { emptyBody } from '../../../api/shapes.js';
import { Failure, isFailureType } from '../../../base/failures.js';
import { type CubeChange, type DeploymentView, deploymentDefaults } from '../../../domain/deployment/deployment.js';
import { checkInstances } from '../../../domain/deployment/desired-cubes.js';
import { requesterName } from '../../../http/requester.js';
import { audited } from '../audit/audited.js';
import type { ControlDependencies } from '../dependencies.js';
import { checkKept, checkKnownCube, found } from './cube-checks.js';
import { withCubeState } from './cube-state.js';

const changeProblems = problemResponses(
  'not_found',
  'conflict',
  'too_many_instances',
  'temporal_unreachable',
  ...ledgerFailures,
);

/** Deployments, restarts and scaling of cubes. */
export function registerDeploymentRoutes(app: FastifyInstance, deps: ControlDependencies): void {
  const routes = app.withTypeProvider<TypeBoxTypeProvider>();
  const { cubeWorkflows, authorization } = deps;
  const reads = authorization.require('migration:read');
  const writes = authorization.require('migration:write');
  const change = async (
    request: FastifyRequest,
    cubeId: string,
    requested: CubeChange,
    { readySeconds, watchSeconds } = deploymentDefaults,
  ) => {
    checkKnownCube(cubeId);
    if (requested.kind === 'deploy') await checkKept(deps, cubeId, requested.version);
    // The plan knows what else runs; a number that is too high by itself starts nothing.
    const after = requested.kind === 'restart' ? 0 : (requested.instances ?? 0);
    checkInstances(cubeId, { now: 0, after, max: deps.maxInstances });
    const by = requesterName(authorization, request);
    const input = { cubeId, change: requested, by, readySeconds, watchSeconds };
    const act = { action: `cube.${requested.kind}`, subject: cubeId, details: { ...requested } };
    const view = await audited(deps, request, act, async () => notRefused(await cubeWorkflows.deploy(input)));
    return deploymentNow(deps, view);
  };

  routes.post(
    '/v1/cubes/:id/deploy',
    {
      onRequest: writes,
      schema: {
        operationId: 'deployCube',
        tags: ['cubes'],
        summary: 'Deploy a released version next to the one that runs, and give it the traffic when it is healthy',
        params: idParameter,
        headers: requesterHeaders,
        body: deployBody,
        response: { 202: deploymentSchema, ...changeProblems },
      },
    },
    async (request, reply) => {
      const { version, instances = null, ready_seconds, watch_seconds } = request.body;
      const limits = {
        readySeconds: ready_seconds ?? deploymentDefaults.readySeconds,
        watchSeconds: watch_seconds ?? deploymentDefaults.watchSeconds,
      };
      const requested = { kind: 'deploy', version, instances } as const;
      return reply.code(202).send(await change(request, request.params.id, requested, limits));
    },
  );

  routes.post(
    '/v1/cubes/:id/restart',
    {
      onRequest: writes,
      schema: {
        operationId: 'restartCube',
        tags: ['cubes'],
        summary: 'Replace every instance by a new one, each once its successor is ready',
        params: idParameter,
        headers: requesterHeaders,
        body: { anyOf: [emptyBody, { type: 'null' }] },
        response: { 202: deploymentSchema, ...changeProblems },
      },
    },
    async (request, reply) => reply.code(202).send(await change(request, request.params.id, { kind: 'restart' })),
  );

  routes.post(
    '/v1/cubes/:id/scale',
    {
      onRequest: writes,
      schema: {
        operationId: 'scaleCube',
        tags: ['cubes'],
        summary: 'Run so many instances of the version that takes traffic',
        params: idParameter,
        headers: requesterHeaders,
        body: scaleBody,
        response: { 202: deploymentSchema, ...changeProblems },
      },
    },
    async (request, reply) => {
      const requested = { kind: 'scale', instances: request.body.instances } as const;
      return reply.code(202).send(await change(request, request.params.id, requested));
    },
  );

  routes.get(
    '/v1/cubes/:id/deployment',
    {
      onRequest: reads,
      schema: {
        operationId: 'getDeployment',
        tags: ['cubes'],
        summary: 'The last change of a cube',
        params: idParameter,
        response: { 200: deploymentSchema, ...problemResponses('not_found', 'temporal_unreachable') },
      },
    },
    async (request) => {
      checkKnownCube(request.params.id);
      const view = found(await cubeWorkflows.deployment(request.params.id), 'deployment', request.params.id);
      return deploymentNow(deps, view);
    },
  );
}

/** The version that a change of a cube left with the traffic goes by how it ended. */
function deploymentNow(deps: ControlDependencies, view: DeploymentView) {
  const { change, status, version, previous_version } = view;
  const left = status === 'done' && change === 'deploy' ? version : previous_version;
  const knows = left !== null && (status === 'done' || status === 'taken_back');
  return withCubeState(deps, view, knows ? { version: left, serves: false } : null);
}

/** A change that its plan refused at once is answered as a refusal. */
function notRefused(view: DeploymentView): DeploymentView {
  const { status, failure, sentence } = view;
  if (status !== 'refused') return view;
  throw new Failure(isFailureType(failure) ? failure : 'conflict', sentence, {
    ...(failure === 'not_found' ? { hint: 'List what was released with `cubeshift release list`.' } : {}),
  });
}
