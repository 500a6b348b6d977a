import { Type } from 'typebox';
import { problemResponses } from './problem.js';

/** How OpenAPI says that a route wants a cube token. */
export const security = [{ cubeToken: [] }];

/** What the routes refuse that start or steer a plan. */
export const planRefusals = problemResponses(
  'invalid_input',
  'unauthorized',
  'forbidden',
  'not_found',
  'conflict',
  'temporal_unreachable',
);

export const idParameter = Type.Object({ id: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' }) });

export const pageLimit = Type.Optional(Type.String({ pattern: '^([1-9][0-9]{0,2}|1000)$', description: '1 to 1000' }));
