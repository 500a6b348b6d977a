import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { acknowledgeBody, rollbackBody, rollbackSchema } from '../../../api/deployments.js';
import { problemResponses } from '../../../api/problem.js';
import { requesterHeaders } from '../../../api/requester-headers.js';
import { idParameter, planProblems } from '../../../api/routes.js';
import { Failure, toFailure } from '../../../base/failures.js';
import type { AuditedAct, AuditOutcome } from '../../../domain/audit.js';
import { type RollbackView, rollbackDefaults } from '../../../domain/deployment/rollback.js';
import { requesterName } from '../../../http/requester.js';
import { appendAudit } from '../../../postgres/audit.js';
import { actOf, audited, outcomeOf, reasonOf } from '../audit/audited.js';
import type { ControlDependencies } from '../dependencies.js';
import { checkKept, checkKnownCube, checkWarm, found } from './cube-checks.js';
import { withCubeState } from './cube-state.js';

/** An emergency does not depend on the audit, nor so on the cube database. */
const rollbackProblems = problemResponses('not_found', 'conflict', 'not_at_this_stage', 'temporal_unreachable');

/** Emergency rollbacks of cubes: started or joined, answered by a person, read. */
export function registerRollbackRoutes(app: FastifyInstance, deps: ControlDependencies): void {
  const { cubeWorkflows, authorization } = deps;
  const routes = app.withTypeProvider<TypeBoxTypeProvider>();
  const reads = authorization.require('migration:read');
  const writes = authorization.require('migration:write');
  const readRollback = async (cubeId: string) => found(await cubeWorkflows.rollback(cubeId), 'rollback', cubeId);

  routes.post(
    '/v1/cubes/:id/rollback',
    {
      onRequest: writes,
      schema: {
        operationId: 'rollbackCube',
        tags: ['cubes'],
        summary: 'Emergency rollback; a second one joins the first, or answers it with the version it names',
        params: idParameter,
        headers: requesterHeaders,
        body: { anyOf: [rollbackBody, { type: 'null' }] },
        response: { 202: rollbackSchema, ...rollbackProblems },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      checkKnownCube(id);
      const { target_version = null, watch_seconds = rollbackDefaults.watchSeconds } = (request.body ?? {}) as {
        target_version?: string;
        watch_seconds?: number;
      };
      if (target_version !== null) await checkKept(deps, id, target_version);
      else await checkWarm(deps, id);
      const by = requesterName(authorization, request);
      const input = {
        cubeId: id,
        targetVersion: target_version,
        by,
        readySeconds: rollbackDefaults.readySeconds,
        watchSeconds: watch_seconds,
      };
      // The audit may record it later than it was requested, and then with its outcome.
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
        operationId: 'acknowledgeRollback',
        tags: ['cubes'],
        summary: 'Take over a rollback that needs a person, or have it tried again',
        params: idParameter,
        headers: requesterHeaders,
        body: acknowledgeBody,
        response: { 202: rollbackSchema, ...planProblems },
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
      const by = requesterName(authorization, request);
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
        operationId: 'getRollback',
        tags: ['cubes'],
        summary: 'The last emergency rollback of a cube',
        params: idParameter,
        response: { 200: rollbackSchema, ...problemResponses('not_found', 'temporal_unreachable') },
      },
    },
    async (request) => rollbackNow(deps, await readRollback(request.params.id)),
  );
}

function rollbackNow(deps: ControlDependencies, view: RollbackView) {
  const { status, target_version: version, traffic_restored_at: restored } = view;
  const serves = restored !== null && view.closed_by === null;
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
