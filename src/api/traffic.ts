import { type Static, Type } from 'typebox';
import { nullable } from './schemas.js';

/** Who is served by a cube, as `/v1/traffic/{cube}` answers. */
export const trafficSchema = Type.Object(
  {
    cube: Type.String(),
    cube_id: Type.String(),
    enabled: Type.Boolean(),
    percentage: nullable<number>({ type: 'integer', description: 'null: what stands in Redis is no percentage' }),
    allow: Type.Array(Type.String()),
    deny: Type.Array(Type.String()),
    revision: Type.Integer({ description: 'changes made here; a plain SET by another program is none' }),
    changed: nullable<{ by: string; why: string; at: string }>({
      type: 'object',
      description: 'the last change made here',
      properties: { by: { type: 'string' }, why: { type: 'string' }, at: { type: 'string' } },
      required: ['by', 'why', 'at'],
    }),
    problems: Type.Array(Type.String(), { description: 'what in Redis nobody can go by; gateways keep the last good' }),
  },
  { $id: 'Traffic' },
);
export type TrafficView = Static<typeof trafficSchema>;
