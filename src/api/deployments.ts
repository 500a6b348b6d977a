import { type Static, Type } from 'typebox';
import { cubeChangeKinds, type DeploymentView, deploymentStatuses } from '../domain/deployment/deployment.js';
import type { RecordedStep } from '../domain/deployment/recorded-step.js';
import { type RollbackView, rollbackStatuses } from '../domain/deployment/rollback.js';
import { schemaOf } from './schema-of.js';
import { nextCommands, nullable, oneOf, planIds, reason, weightSchema } from './shapes.js';

/** A version's name. */
const version = Type.String({ pattern: '^[A-Za-z0-9][\\w.-]{0,62}$' });
const instances = Type.Integer({
  minimum: 1,
  maximum: 999,
  description: 'MAX_INSTANCES_PER_CUBE at most, with all that run',
});
const seconds = Type.Integer({ minimum: 1, maximum: 600 });

export const deployBody = Type.Object(
  {
    version,
    instances: Type.Optional(instances),
    ready_seconds: Type.Optional(seconds),
    watch_seconds: Type.Optional(seconds),
  },
  { title: 'DeployRequest', additionalProperties: false },
);
export const scaleBody = Type.Object({ instances }, { title: 'ScaleRequest', additionalProperties: false });
export const rollbackBody = Type.Object(
  { target_version: Type.Optional(version), watch_seconds: Type.Optional(seconds) },
  { title: 'CubeRollbackRequest', additionalProperties: false },
);
export const acknowledgeBody = Type.Object(
  {
    why: reason,
    retry: Type.Optional(Type.Boolean({ description: 'the steps are tried again' })),
    target_version: Type.Optional(version),
  },
  { title: 'AcknowledgeRequest', additionalProperties: false },
);

const steps = Type.Unsafe<readonly RecordedStep[]>(
  Type.Array(
    schemaOf<RecordedStep>()(
      Type.Object({ step: Type.String(), at: Type.String(), sentence: Type.String() }, { title: 'RecordedStep' }),
    ),
  ),
);
const cubeStateSchema = Type.Object(
  {
    active_version: nullable<string>(
      Type.String({ description: 'the version that takes the traffic; null while any may' }),
    ),
    traffic: nullable<Static<typeof weightSchema>>(weightSchema),
  },
  { title: 'CubeState', description: 'the present state of the cube; null where Redis does not answer' },
);
/** The present state of a cube, whatever a plan remembers of it. */
export type CubeState = Static<typeof cubeStateSchema>;
/** What a plan reports of a change of a cube, with how the cube is now. */
type WithCubeState<View> = View & { readonly now: CubeState | null };
export type DeploymentAnswer = WithCubeState<DeploymentView>;
export type RollbackAnswer = WithCubeState<RollbackView>;

export const deploymentSchema = schemaOf<DeploymentAnswer>()(
  Type.Object(
    {
      cube_id: Type.String(),
      ...planIds,
      change: oneOf(cubeChangeKinds),
      version: nullable<string>(Type.String()),
      previous_version: nullable<string>(Type.String()),
      status: oneOf(deploymentStatuses),
      failure: nullable<string>(Type.String()),
      step: Type.String(),
      sentence: Type.String(),
      by: Type.String(),
      steps,
      now: nullable<CubeState>(cubeStateSchema),
    },
    { title: 'Deployment' },
  ),
);
export const rollbackSchema = schemaOf<RollbackAnswer>()(
  Type.Object(
    {
      cube_id: Type.String(),
      ...planIds,
      target_version: nullable<string>(Type.String()),
      from_version: nullable<string>(Type.String()),
      status: oneOf(rollbackStatuses),
      step: Type.String(),
      sentence: Type.String(),
      by: Type.String(),
      steps,
      traffic_stopped_at: nullable<string>(Type.String()),
      traffic_restored_at: nullable<string>(Type.String()),
      closed_by: nullable<string>(Type.String({ description: 'who closed the cube before, and keeps it closed' })),
      acknowledged_by: nullable<string>(Type.String()),
      next: nextCommands,
      now: nullable<CubeState>(cubeStateSchema),
    },
    { title: 'CubeRollback' },
  ),
);
