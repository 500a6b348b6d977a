import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { problemResponses } from '../../api/problem.js';
import { requesterHeaders } from '../../api/requester-headers.js';
import { issueBody, issuedSchema, validateBody, validatedSchema } from '../../api/tokens.js';
import { issueCubeToken } from '../../auth/tokens.js';
import { Failure, toFailure } from '../../base/failures.js';
import type { AuditedAct, AuditOutcome } from '../../domain/audit.js';
import type { Rate } from '../../domain/traffic/token-bucket.js';
import { buildCube, type CubeApp, type CubeOptions } from '../../http/cube.js';
import { limitRate, type RateLimiter } from '../../http/rate-limit.js';
import { requesterOf } from '../../http/requester.js';
import { postgresFailure } from '../../postgres/errors.js';
import { refuseOldIssuer, refuseWrongIssue } from './issuing.js';

export interface SecurityCubeOptions extends Omit<CubeOptions, 'addressRate' | 'permission'> {
  /** The current secret of tokens. */
  readonly secret: () => string;
  /** Reloads the secrets, for one that was changed within the last second. */
  readonly reloadSecrets?: () => void;
  /** Writes an issue to the audit; without this entry no token is given out. */
  readonly record: (act: AuditedAct) => Promise<unknown>;
  readonly limiter: RateLimiter;
  readonly rates?: { readonly address: Rate; readonly subject: Rate };
}

/** A cube needs one token an hour, a person with a script several in a row. */
const defaultRates = { address: { perSecond: 20, burst: 100 }, subject: { perSecond: 5, burst: 50 } };

/** The security cube: issues cube tokens to holders of one, and validates them. */
export async function buildSecurityCube(options: SecurityCubeOptions): Promise<CubeApp> {
  const { limiter, secret, record, clock, tokens, rates = defaultRates } = options;
  const app = await buildCube({ ...options, addressRate: { limiter, rate: rates.address } });
  const { authorization } = app.cube;
  const routes = app.withTypeProvider<TypeBoxTypeProvider>();
  const mayIssue = authorization.require('token:issue');
  const requireFreshIssuer = async (request: FastifyRequest) => {
    // The caller may know a new secret before this process.
    if (!authorization.inspect(request).isCurrent) options.reloadSecrets?.();
    refuseOldIssuer(authorization.inspect(request), clock());
  };
  const limitSubject = limitRate(
    limiter,
    'subject',
    rates.subject,
    (request) => authorization.callerOf(request).cubeId,
  );

  routes.post(
    '/tokens',
    {
      onRequest: [mayIssue, requireFreshIssuer, limitSubject],
      schema: {
        summary: 'A token with what the caller holds, or less',
        headers: requesterHeaders,
        body: issueBody,
        response: {
          201: issuedSchema,
          ...problemResponses('invalid_input', 'unauthorized', 'forbidden', 'rate_limited', 'cube_unreachable'),
        },
      },
    },
    async (request, reply) => {
      const { cube_id: cubeId, permissions } = request.body;
      const caller = authorization.callerOf(request);
      refuseWrongIssue(caller, { cubeId, permissions });
      // The secret may have changed while the body arrived.
      const issuer = authorization.inspect(request);
      refuseOldIssuer(issuer, clock());
      const { token, expiresAt } = issueCubeToken(secret(), { cubeId, permissions }, clock(), issuer.startedAt);
      const expires_at = expiresAt.toISOString().replace('Z', '000Z');
      const { actor, about } = requesterOf(authorization, request);
      // The token exists already, and is given out only after this entry.
      const details = { permissions, expires_at, ...about, outcome: 'done' satisfies AuditOutcome };
      await record({ actor, action: 'token.issue', subject: cubeId, details }).catch(failUnaudited);
      request.log.info({ by: caller.cubeId, for: cubeId, permissions }, 'issued a token');
      return reply.code(201).header('cache-control', 'no-store').send({ token, expires_at });
    },
  );

  routes.post(
    '/tokens/validate',
    {
      schema: {
        summary: 'Whether a token is right, and what it allows',
        body: validateBody,
        response: { 200: validatedSchema, ...problemResponses('invalid_input', 'rate_limited') },
      },
    },
    async (request, reply) => {
      reply.header('cache-control', 'no-store');
      try {
        const { cubeId, permissions } = tokens.verify(request.body.token);
        return { valid: true as const, cube_id: cubeId, permissions: [...permissions] };
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        return { valid: false as const, error: error.message };
      }
    },
  );
  return app;
}

function failUnaudited(error: unknown): never {
  const { message, hint } = toFailure(error, postgresFailure('cube'));
  const detail = `No token was issued, since it could not be put on record. ${message}`;
  throw new Failure('cube_unreachable', detail, { hint, cause: error });
}
