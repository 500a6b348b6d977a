import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { CubeIdentity, TokenVerifier, VerifiedCubeToken } from '../auth/tokens.js';
import { Failure } from '../base/failures.js';
import type { CubeId } from '../domain/catalog.js';
import type { TrafficName } from '../domain/cubes.js';

/** What a cube token may hold, to use the control API, the security cube, and a cube directly. */
export type Permission = 'migration:read' | 'migration:write' | 'records:read' | 'token:issue' | `${TrafficName}:call`;

const required = new WeakMap<object, Permission>();

/** The permission that an `onRequest` of `require` requires; undefined for any other hook. */
export function requiredPermission(hook: unknown): Permission | undefined {
  return typeof hook === 'function' ? required.get(hook) : undefined;
}

/** The only caller that may name the user of a call. */
const gatewayCubeId: CubeId = 'api-gateway-cube';

export interface Authorization {
  /** A route's `onRequest`: requires the permission; otherwise 401 or 403, before a body is read. */
  readonly require: (permission: Permission) => (request: FastifyRequest) => Promise<void>;
  /** The caller; only after `require`. */
  readonly callerOf: (request: FastifyRequest) => CubeIdentity;
  /** The caller's token; never for a log. */
  readonly tokenOf: (request: FastifyRequest) => string;
  /** As `callerOf`, with the token verified again: throws `unauthorized` once it has expired, or its secret was replaced. */
  readonly inspect: (request: FastifyRequest) => VerifiedCubeToken;
  /** Whether the token is still valid: a long response ends with the validity of its token. */
  readonly isStillValid: (request: FastifyRequest) => boolean;
  /** The user of a call that the gateway forwards; undefined for anonymous users and for other callers. */
  readonly userOf: (request: FastifyRequest) => string | undefined;
}

export interface AuthorizationOptions {
  /** Whether calls arrive through the gateway: its own token is in `X-Cube-Token`, the user's in `Authorization`. */
  readonly behindGateway?: boolean;
}

/** Verifies the token of every request; each route requires its own permission. An invalid token is 401 on every route. */
export function createAuthorization(
  app: FastifyInstance,
  tokens: TokenVerifier,
  { behindGateway = false }: AuthorizationOptions = {},
): Authorization {
  const callers = new WeakMap<FastifyRequest, { readonly identity: CubeIdentity; readonly token: string }>();
  const forwarded = new WeakSet<FastifyRequest>();
  app.addHook('onRequest', async (request) => {
    const hop = request.headers['x-cube-token'];
    if (behindGateway && hop !== undefined) {
      const gateway = tokens.verify(String(hop));
      if (gateway.cubeId !== gatewayCubeId)
        throw new Failure('forbidden', 'X-Cube-Token is for the gateway alone.', {
          hint: 'Send a cube token as `Authorization: Bearer …`.',
        });
      callers.set(request, { identity: gateway, token: String(hop) });
      forwarded.add(request);
      return;
    }
    const { authorization } = request.headers;
    if (authorization === undefined) return;
    const [, token] = /^Bearer ([^ ]+)$/i.exec(authorization) ?? [];
    // An invalid bearer token is refused, never treated as anonymous.
    if (token === undefined) throw new Failure('unauthorized', 'Invalid token');
    callers.set(request, { identity: tokens.verify(token), token });
  });
  const known = (request: FastifyRequest) => {
    const caller = callers.get(request);
    if (caller === undefined) throw new Failure('unauthorized', 'This call needs a cube token.');
    return caller;
  };
  const inspect = (request: FastifyRequest) => tokens.inspect(known(request).token);
  return {
    require: (permission) => {
      const check = async (request: FastifyRequest) => {
        if (!known(request).identity.permissions.includes(permission))
          throw new Failure('forbidden', `This call needs the permission ${permission}.`);
      };
      required.set(check, permission);
      return check;
    },
    callerOf: (request) => known(request).identity,
    tokenOf: (request) => known(request).token,
    inspect,
    isStillValid: (request) => {
      try {
        return inspect(request) !== undefined;
      } catch {
        return false;
      }
    },
    userOf: (request) => {
      const header = request.headers['x-user-id'];
      if (!forwarded.has(request) || typeof header !== 'string' || header === '') return undefined;
      // Node decodes headers as latin1; user ids are UTF-8 on the wire.
      return Buffer.from(header, 'latin1').toString('utf8');
    },
  };
}
