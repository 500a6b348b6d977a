import { type Static, Type } from 'typebox';
import { trafficNames } from '../domain/cubes.js';
import { nullable } from './shapes.js';

const maxUsers = 1000;
/** A lone surrogate has no UTF-8: no user can have it in an id. */
const userId = Type.String({ minLength: 1, maxLength: 1024, pattern: '^[^\\ud800-\\udfff]+$' });
const users = Type.Array(userId, { maxItems: maxUsers, uniqueItems: true });
const percentage = Type.Integer({ minimum: 0, maximum: 100 });

export const cubeParameter = Type.Object({
  cube: Type.String({ description: `${trafficNames.join(', ')}, or the id of such a cube` }),
});

export const trafficChangeBody = Type.Object(
  {
    enabled: Type.Optional(Type.Boolean()),
    percentage: Type.Optional(percentage),
    allow: Type.Optional(users),
    deny: Type.Optional(users),
    why: Type.Optional(Type.String({ maxLength: 1000 })),
    only_if_percentage: Type.Optional(percentage),
  },
  { title: 'TrafficChange', additionalProperties: false, description: 'what is left out stays as it is' },
);

/** Who is served by a cube, as `/v1/traffic/{cube}` answers. */
export const trafficSchema = Type.Object(
  {
    cube: Type.String(),
    cube_id: Type.String(),
    enabled: Type.Boolean(),
    percentage: nullable<number>({ type: 'integer', description: 'null: the value in Redis is no percentage' }),
    allow: Type.Array(Type.String()),
    deny: Type.Array(Type.String()),
    revision: Type.Integer({ description: 'changes made here; a plain SET by another program is none' }),
    changed: nullable<{ by: string; why: string; at: string }>({
      type: 'object',
      description: 'the last change made here',
      properties: { by: { type: 'string' }, why: { type: 'string' }, at: { type: 'string' } },
      required: ['by', 'why', 'at'],
    }),
    problems: Type.Array(Type.String(), {
      description: 'what is invalid in Redis; gateways keep the last valid value',
    }),
  },
  { $id: 'Traffic' },
);
export type TrafficView = Static<typeof trafficSchema>;
