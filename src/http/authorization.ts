import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { CubeIdentity, TokenVerifier, VerifiedCubeToken } from '../auth/tokens.js';
import { Failure } from '../base/failures.js';
import type { CubeId } from '../domain/catalog.js';
import type { TrafficName } from '../domain/cubes.js';

/** What a cube token may hold, to use the control API, the security cube, and a cube directly. */
export type Permission = 'migration:read' | 'migration:write' | 'records:read' | 'token:issue' | `${TrafficName}:call`;

/** Who may say on whose behalf a call is. */
const gatewayCubeId: CubeId = 'api-gateway-cube';

export interface Authorization {
  /** A route's `onRequest`: lets through who holds the permission; 401 or 403 for anybody else, before a body is read. */
  readonly require: (permission: Permission) => (request: FastifyRequest) => Promise<void>;
  /** Who asked; only after `require`. */
  readonly callerOf: (request: FastifyRequest) => CubeIdentity;
  /** The token that it asked with; never for a log. */
  readonly tokenOf: (request: FastifyRequest) => string;
  /** As `callerOf`, by its token as it is now: throws `unauthorized` once that is over, or its secret forgotten. */
  readonly inspect: (request: FastifyRequest) => VerifiedCubeToken;
  /** Whether `inspect` still finds it right: an answer that goes on for long ends with the token it was asked with. */
  readonly isStillValid: (request: FastifyRequest) => boolean;
  /** The user whom the gateway forwards the call for; undefined for anonymous users and for everybody else's calls. */
  readonly userOf: (request: FastifyRequest) => string | undefined;
}

export interface AuthorizationOptions {
  /** Whether calls come through the gateway: it says who it is in `X-Cube-Token`, `Authorization` is its user's. */
  readonly behindGateway?: boolean;
}

/** Reads the token of every request; what it must hold each route says. A wrong one is 401 wherever it is sent. */
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
    // A bearer that is there must be right: a bad one never counts as none.
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
    require: (permission) => async (request) => {
      if (!known(request).identity.permissions.includes(permission))
        throw new Failure('forbidden', `This call needs the permission ${permission}.`);
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
      // Node gives a header's bytes as latin1; user ids are UTF-8 on the wire.
      return Buffer.from(header, 'latin1').toString('utf8');
    },
  };
}
