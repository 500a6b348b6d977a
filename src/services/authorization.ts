import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Failure } from '../failures.js';
import { type CubeIdentity, verifyCubeToken } from './tokens.js';

/** What a cube token may hold to use the control API. */
export type Permission = 'migration:read' | 'migration:write' | 'records:read';

export interface Authorization {
  /** A route's `onRequest`: lets through who holds the permission; 401 or 403 for anybody else, before a body is read. */
  readonly require: (permission: Permission) => (request: FastifyRequest) => Promise<void>;
  /** Who asked; only after `require`. */
  readonly callerOf: (request: FastifyRequest) => CubeIdentity;
}

export function createAuthorization(app: FastifyInstance, secret: string, clock: () => Date): Authorization {
  const callers = new WeakMap<FastifyRequest, CubeIdentity>();
  app.addHook('onRequest', async (request) => {
    const { authorization } = request.headers;
    if (authorization === undefined) return;
    const [, token] = /^Bearer ([^ ]+)$/i.exec(authorization) ?? [];
    // A bearer that is there must be right: a bad one never counts as none.
    if (token === undefined) throw new Failure('unauthorized', 'Invalid token');
    callers.set(request, await verifyCubeToken(secret, token, clock()));
  });
  return {
    require: (permission) => async (request) => {
      const caller = callers.get(request);
      if (caller === undefined) throw new Failure('unauthorized', 'This call needs a cube token.');
      if (!caller.permissions.includes(permission))
        throw new Failure('forbidden', `This call needs the permission ${permission}.`);
    },
    callerOf: (request) => {
      const caller = callers.get(request);
      if (caller === undefined) throw new Failure('unauthorized', 'This call needs a cube token.');
      return caller;
    },
  };
}
