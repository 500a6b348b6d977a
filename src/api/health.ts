import { Type } from 'typebox';
import { replacedModelsSchema } from './replaced-models.js';

/** What `/health` and `/ready` answer: the control API's own, and every cube's. */

export const controlHealthSchema = Type.Object(
  {
    status: Type.String({ description: 'ok or degraded' }),
    version: Type.String(),
    dependencies: Type.Object({
      cube_database: Type.String({ description: 'ok or unreachable' }),
      temporal: Type.String({ description: 'ok or unreachable' }),
      redis: Type.String({ description: 'ok or unreachable' }),
    }),
  },
  { title: 'Health' },
);
export const controlReadySchema = Type.Object({ ready: Type.Boolean() }, { title: 'Readiness' });

export const cubeHealthSchema = Type.Object({
  status: Type.String({ description: 'ok, or degraded while a dependency does not answer' }),
  cube_id: Type.String(),
  instance_id: Type.String(),
  version: Type.String(),
  state: Type.String({ description: 'starting, ready or draining' }),
  uptime_seconds: Type.Integer(),
  dependencies: Type.Record(Type.String(), Type.String({ description: 'ok or unreachable' })),
  replaced_models: Type.Optional(replacedModelsSchema),
});
export const cubeReadySchema = Type.Object({
  ready: Type.Boolean(),
  state: Type.String(),
  waiting_for: Type.Array(Type.String(), { description: 'dependencies that do not answer' }),
});
