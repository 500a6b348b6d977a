import { Type } from 'typebox';

export const controlHealthSchema = Type.Object({
  status: Type.String({ description: 'ok or degraded' }),
  version: Type.String(),
  dependencies: Type.Object({
    cube_database: Type.String({ description: 'ok or unreachable' }),
    temporal: Type.String({ description: 'ok or unreachable' }),
    redis: Type.String({ description: 'ok or unreachable' }),
  }),
});
export const readySchema = Type.Object({ ready: Type.Boolean() });
