import { type Static, Type } from 'typebox';
import { cubeTypes } from '../domain/catalog.js';
import { replacedModelsSchema } from './replaced-models.js';
import { nullable, oneOf } from './shapes.js';

const instanceSchema = Type.Object(
  {
    instance_id: Type.String(),
    url: Type.String(),
    version: Type.String(),
    state: Type.String({ description: 'starting, ready or draining' }),
    started_at: Type.String(),
    heartbeat_at: Type.String(),
    health: Type.String({ description: 'ok, degraded or unreachable' }),
    dependencies: Type.Record(Type.String(), Type.String({ description: 'ok or unreachable' })),
    replaced_models: replacedModelsSchema,
  },
  { title: 'CubeInstance' },
);
export const cubeSchema = Type.Object(
  {
    cube_id: Type.String(),
    type: oneOf(cubeTypes),
    port: Type.Integer({ description: 'the port it listens on by default' }),
    prefix: nullable<string>(Type.String({ description: 'where the gateway serves it' })),
    traffic_name: nullable<string>(Type.String({ description: 'its name in the keys of traffic flags' })),
    health: Type.String({ description: 'ok, degraded, unreachable, or absent when nothing of it runs' }),
    active_version: nullable<string>(
      Type.String({ description: 'the version that takes traffic; null where none does, or any of several may' }),
    ),
    versions: Type.Array(Type.String(), { description: 'versions that run' }),
    instances: Type.Array(instanceSchema),
  },
  { title: 'Cube' },
);
export const cubeListSchema = Type.Object({ items: Type.Array(cubeSchema) }, { title: 'CubeList' });
export type CubeView = Static<typeof cubeSchema>;
export type InstanceView = Static<typeof instanceSchema>;
