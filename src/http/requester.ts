import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { Failure } from '../base/failures.js';
import { isReadableName } from '../domain/person-name.js';
import type { Authorization } from './authorization.js';

/** The requester of an act, for the audit. */
export interface Requester {
  /** The `cube_id` of the token. */
  readonly actor: string;
  /** Details: the client's claims, and a fingerprint of its token. */
  readonly about: {
    readonly claimed_by?: string;
    readonly os_user?: string;
    /** The first sixteen digits: they identify a token and do not help to forge one. */
    readonly token_sha256: string;
  };
}

/** Throws `invalid_input` for a claim that is not readable text. */
export function requesterOf(authorization: Authorization, request: FastifyRequest): Requester {
  const claimedBy = claimOf(request, 'x-claimed-by');
  const osUser = claimOf(request, 'x-os-user');
  return {
    actor: authorization.callerOf(request).cubeId,
    about: {
      ...(claimedBy === undefined ? {} : { claimed_by: claimedBy }),
      ...(osUser === undefined ? {} : { os_user: osUser }),
      token_sha256: createHash('sha256').update(authorization.tokenOf(request)).digest('hex').slice(0, 16),
    },
  };
}

/**
 * The requester of a change, for people who read who made it: the token's holder, with the person that the client names, where it
 * names one. The holder comes first, so that no claim begins as a plan's own id does. Throws as `requesterOf` does.
 */
export function requesterName(authorization: Authorization, request: FastifyRequest): string {
  const { actor, about } = requesterOf(authorization, request);
  return about.claimed_by === undefined ? actor : `${actor} (says: ${about.claimed_by})`;
}

function claimOf(request: FastifyRequest, header: string): string | undefined {
  const given = request.headers[header];
  if (given === undefined) return undefined;
  const claim = decoded(String(given));
  if (claim !== undefined && isReadableName(claim)) return claim;
  throw new Failure('invalid_input', `headers.${header} must be a name in percent-encoded UTF-8.`, {
    details: { field: `headers.${header}` },
  });
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
