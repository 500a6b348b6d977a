import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { idParameter, nextCommands, nullable, planRefusals, security } from '../../../api/schemas.js';
import { Failure, isFailureType, toFailure } from '../../../base/failures.js';
import { findCube } from '../../../domain/cubes.js';
import {
  type CubeChange,
  type DeploymentView,
  deploymentDefaults,
  type RecordedStep,
  type RollbackView,
  rollbackDefaults,
} from '../../../domain/deployment/cube-changes.js';
import { checkInstances } from '../../../domain/deployment/desired-cubes.js';
import { noSuchRelease } from '../../../domain/deployment/releases.js';
import { requesterHeaders } from '../../../http/requester.js';
import { type AuditedAct, type AuditOutcome, appendAudit } from '../../../postgres/audit.js';
import { actOf, audited, outcomeOf, reasonOf } from '../audit/audited.js';
import type { ControlDependencies } from '../dependencies.js';
import { type CubeState, withCubeState } from './cube-state.js';

const version = Type.String({ pattern: '^[A-Za-z0-9][\\w.-]{0,62}$' });
const instances = Type.Integer({
  minimum: 1,
  maximum: 999,
  description: 'MAX_INSTANCES_PER_CUBE at most, with all that run',
});
const seconds = Type.Integer({ minimum: 1, maximum: 600 });

const deployBody = Type.Object(
  {
    version,
    instances: Type.Optional(instances),
    ready_seconds: Type.Optional(seconds),
    watch_seconds: Type.Optional(seconds),
  },
  { additionalProperties: false },
);
const scaleBody = Type.Object({ instances }, { additionalProperties: false });
const nothing = Type.Object({}, { additionalProperties: false });
const rollbackBody = Type.Object(
  { target_version: Type.Optional(version), watch_seconds: Type.Optional(seconds) },
  { additionalProperties: false },
);
const acknowledgeBody = Type.Object(
  {
    why: Type.String({ minLength: 1, maxLength: 1000 }),
    retry: Type.Optional(Type.Boolean({ description: 'the steps are tried again' })),
    target_version: Type.Optional(version),
  },
  { additionalProperties: false },
);

const steps = Type.Unsafe<readonly RecordedStep[]>(
  Type.Array(Type.Object({ step: Type.String(), at: Type.String(), sentence: Type.String() })),
);
const standing = nullable<CubeState>(
  Type.Object(
    {
      active_version: nullable<string>(Type.String()),
      traffic: nullable<CubeState['traffic']>(
        Type.Object({ enabled: Type.Boolean(), percentage: nullable<number>(Type.Integer()) }),
      ),
    },
    { description: 'how the cube stands now; null where Redis does not answer' },
  ),
);
const deploymentSchema = Type.Object({
  cube_id: Type.String(),
  change: Type.String({ description: 'deploy, restart or scale' }),
  version: nullable<string>(Type.String()),
  previous_version: nullable<string>(Type.String()),
  status: Type.String({ description: 'running, done, taken_back, refused, superseded or undo_incomplete' }),
  failure: nullable<string>(Type.String()),
  step: Type.String(),
  sentence: Type.String(),
  by: Type.String(),
  steps,
  now: standing,
});
const rollbackSchema = Type.Object({
  cube_id: Type.String(),
  target_version: nullable<string>(Type.String()),
  from_version: nullable<string>(Type.String()),
  status: Type.String({ description: 'running, escalated, completed or acknowledged' }),
  step: Type.String(),
  sentence: Type.String(),
  by: Type.String(),
  steps,
  traffic_stopped_at: nullable<string>(Type.String()),
  traffic_restored_at: nullable<string>(Type.String()),
  acknowledged_by: nullable<string>(Type.String()),
  next: nextCommands,
  now: standing,
});

/** Deployments, restarts, scaling and emergency rollbacks of cubes. */
export function registerDeploymentRoutes(app: FastifyInstance, deps: ControlDependencies): void {
  const routes = app.withTypeProvider<TypeBoxTypeProvider>();
  const { cubeWorkflows, authorization } = deps;
  const reads = authorization.require('migration:read');
  const writes = authorization.require('migration:write');
  const change = async (
    request: FastifyRequest,
    cubeId: string,
    asked: CubeChange,
    { readySeconds, watchSeconds } = deploymentDefaults,
  ) => {
    checkKnown(cubeId);
    if (asked.kind === 'deploy') await checkKept(deps, cubeId, asked.version);
    // What runs beside them the plan knows; what is too many by itself begins nothing.
    const after = asked.kind === 'restart' ? 0 : (asked.instances ?? 0);
    checkInstances(cubeId, { now: 0, after, max: deps.maxInstances });
    const by = authorization.callerOf(request).cubeId;
    const input = { cubeId, change: asked, by, readySeconds, watchSeconds };
    const act = { action: `cube.${asked.kind}`, subject: cubeId, details: { ...asked } };
    const view = await audited(deps, request, act, async () => notRefused(await cubeWorkflows.deploy(input)));
    return deploymentNow(deps, view);
  };

  routes.post(
    '/v1/cubes/:id/deploy',
    {
      onRequest: writes,
      schema: {
        security,
        summary: 'Deploy a released version beside the one that runs, and give it the traffic when it is well',
        params: idParameter,
        headers: requesterHeaders,
        body: deployBody,
        response: { 202: deploymentSchema, ...planRefusals },
      },
    },
    async (request, reply) => {
      const { version, instances = null, ready_seconds, watch_seconds } = request.body;
      const grace = {
        readySeconds: ready_seconds ?? deploymentDefaults.readySeconds,
        watchSeconds: watch_seconds ?? deploymentDefaults.watchSeconds,
      };
      const asked = { kind: 'deploy', version, instances } as const;
      return reply.code(202).send(await change(request, request.params.id, asked, grace));
    },
  );

  routes.post(
    '/v1/cubes/:id/restart',
    {
      onRequest: writes,
      schema: {
        security,
        summary: 'Replace every instance by a new one, each once its successor is ready',
        params: idParameter,
        headers: requesterHeaders,
        body: { anyOf: [nothing, { type: 'null' }] },
        response: { 202: deploymentSchema, ...planRefusals },
      },
    },
    async (request, reply) => reply.code(202).send(await change(request, request.params.id, { kind: 'restart' })),
  );

  routes.post(
    '/v1/cubes/:id/scale',
    {
      onRequest: writes,
      schema: {
        security,
        summary: 'Run so many instances of the version that takes traffic',
        params: idParameter,
        headers: requesterHeaders,
        body: scaleBody,
        response: { 202: deploymentSchema, ...planRefusals },
      },
    },
    async (request, reply) => {
      const asked = { kind: 'scale', instances: request.body.instances } as const;
      return reply.code(202).send(await change(request, request.params.id, asked));
    },
  );

  routes.get(
    '/v1/cubes/:id/deployment',
    {
      onRequest: reads,
      schema: {
        security,
        summary: 'The last change of a cube',
        params: idParameter,
        response: { 200: deploymentSchema, ...planRefusals },
      },
    },
    async (request) => {
      checkKnown(request.params.id);
      const view = found(await cubeWorkflows.deployment(request.params.id), 'deployment', request.params.id);
      return deploymentNow(deps, view);
    },
  );

  registerRollbackRoutes(app, deps);
}

function registerRollbackRoutes(app: FastifyInstance, deps: ControlDependencies): void {
  const { cubeWorkflows, authorization } = deps;
  const routes = app.withTypeProvider<TypeBoxTypeProvider>();
  const reads = authorization.require('migration:read');
  const writes = authorization.require('migration:write');
  const look = async (cubeId: string) => found(await cubeWorkflows.rollback(cubeId), 'rollback', cubeId);

  routes.post(
    '/v1/cubes/:id/rollback',
    {
      onRequest: writes,
      schema: {
        security,
        summary: 'Emergency rollback; a second one joins the first, or answers it with the version it names',
        params: idParameter,
        headers: requesterHeaders,
        body: { anyOf: [rollbackBody, { type: 'null' }] },
        response: { 202: rollbackSchema, ...planRefusals },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      checkKnown(id);
      const { target_version = null, watch_seconds = rollbackDefaults.watchSeconds } = (request.body ?? {}) as {
        target_version?: string;
        watch_seconds?: number;
      };
      if (target_version !== null) await checkKept(deps, id, target_version);
      else await checkWarm(deps, id);
      const by = authorization.callerOf(request).cubeId;
      const input = {
        cubeId: id,
        targetVersion: target_version,
        by,
        readySeconds: rollbackDefaults.readySeconds,
        watchSeconds: watch_seconds,
      };
      // It may come on record later than it was asked for, and then with what became of it.
      const details = { target_version, asked_at: deps.clock().toISOString() };
      const act = actOf(deps, request, { action: 'cube.rollback', subject: id, details });
      const record = (outcome: object) =>
        recordRollback(deps, request.log, { ...act, details: { ...act.details, ...outcome } });
      const view = await cubeWorkflows.rollBack(input).catch(async (error: unknown) => {
        // One that was answered too late may be carried out all the same.
        await record({ outcome: outcomeOf(error), ...reasonOf(error) });
        throw error;
      });
      await record({ outcome: 'done' satisfies AuditOutcome });
      return reply.code(202).send(await rollbackNow(deps, view));
    },
  );

  routes.post(
    '/v1/cubes/:id/rollback/acknowledge',
    {
      onRequest: writes,
      schema: {
        security,
        summary: 'Take over a rollback that needs a person, or have it tried again',
        params: idParameter,
        headers: requesterHeaders,
        body: acknowledgeBody,
        response: { 202: rollbackSchema, ...planRefusals },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      const { why, retry = false, target_version } = request.body;
      if (target_version !== undefined) {
        if (!retry)
          throw new Failure('invalid_input', 'body.target_version goes with retry alone.', {
            details: { field: 'body.target_version' },
          });
        await checkKept(deps, id, target_version);
      }
      const by = authorization.callerOf(request).cubeId;
      const details = { why, retry, ...(target_version === undefined ? {} : { target_version }) };
      const answer = { by, why, retry, ...(target_version === undefined ? {} : { targetVersion: target_version }) };
      const act = { action: 'cube.rollback.acknowledge', subject: id, details };
      const view = await audited(deps, request, act, () => cubeWorkflows.acknowledge(id, answer));
      return reply.code(202).send(await rollbackNow(deps, view));
    },
  );

  routes.get(
    '/v1/cubes/:id/rollback',
    {
      onRequest: reads,
      schema: {
        security,
        summary: 'The last emergency rollback of a cube',
        params: idParameter,
        response: { 200: rollbackSchema, ...planRefusals },
      },
    },
    async (request) => rollbackNow(deps, await look(request.params.id)),
  );
}

/** The version that a change of a cube left with the traffic goes by how it ended. */
function deploymentNow(deps: ControlDependencies, view: DeploymentView) {
  const { change, status, version, previous_version } = view;
  const left = status === 'done' && change === 'deploy' ? version : previous_version;
  const knows = left !== null && (status === 'done' || status === 'taken_back');
  return withCubeState(deps, view, knows ? { version: left, serves: false } : null);
}

function rollbackNow(deps: ControlDependencies, view: RollbackView) {
  const { status, target_version: version, traffic_restored_at: restored } = view;
  // One that a person kept closed says so itself.
  const serves = restored !== null && !view.sentence.includes('stays closed');
  return withCubeState(deps, view, status === 'completed' && version !== null ? { version, serves } : null);
}

/** An emergency does not wait for the record, and is not given up where it cannot be kept. Never throws. */
async function recordRollback(
  { cube, cubeWorkflows }: ControlDependencies,
  log: FastifyBaseLogger,
  act: AuditedAct,
): Promise<void> {
  await cubeWorkflows
    .recordAct(act)
    // Temporal has gone away in this very moment.
    .catch(() => appendAudit(cube, act))
    .catch((error: unknown) =>
      log.error({ ...act, reason: toFailure(error).type }, 'an emergency rollback is not in the audit'),
    );
}

function checkKnown(cubeId: string): void {
  if (findCube(cubeId) === undefined)
    throw new Failure('not_found', `There is no cube ${cubeId}.`, { hint: 'List them with `cubeshift cubes list`.' });
}

/** Throws `not_found` for a version that is not kept. Where nobody can say, the plan finds out. */
async function checkKept({ keptVersions }: ControlDependencies, cubeId: string, version: string): Promise<void> {
  const kept = await keptVersions(cubeId);
  if (kept !== undefined && !kept.includes(version)) throw noSuchRelease(cubeId, version, kept);
}

/** Throws `conflict` where no version is warm and none was named. Where nobody can say, the plan finds out. */
async function checkWarm({ keptVersions, warmVersionOf }: ControlDependencies, cubeId: string): Promise<void> {
  if ((await warmVersionOf(cubeId)) !== null) return;
  const kept = (await keptVersions(cubeId)) ?? [];
  throw new Failure('conflict', `No earlier version of ${cubeId} is warm, and none was named; nothing was changed.`, {
    hint: `Name one with \`cubeshift cubes rollback ${cubeId} VERSION --wait\`${kept.length === 0 ? '' : `; kept are ${kept.join(', ')}`}.`,
  });
}

function found<T>(view: T | undefined, what: string, cubeId: string): T {
  if (view === undefined) throw new Failure('not_found', `There was no ${what} of ${cubeId}.`, { hint: '' });
  return view;
}

/** A change that its plan refused at once is answered as a refusal. */
function notRefused(view: DeploymentView): DeploymentView {
  const { status, failure, sentence } = view;
  if (status !== 'refused') return view;
  throw new Failure(isFailureType(failure) ? failure : 'conflict', sentence, {
    ...(failure === 'not_found' ? { hint: 'List what was released with `cubeshift release list`.' } : {}),
  });
}
