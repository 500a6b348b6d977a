import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { Failure } from '../base/failures.js';
import { isReadableName, maxNameCharacters } from '../domain/person-name.js';
import type { Authorization } from './authorization.js';

/** As `encodeURIComponent` writes up to a hundred characters. */
const encoded = { pattern: "^(?:[A-Za-z0-9_.!~*'()-]|%[0-9A-Fa-f]{2})+$", maxLength: 12 * maxNameCharacters };
const headerText = `percent-encoded UTF-8, ${maxNameCharacters} characters at most; a claim of the client, put into the audit as such`;

/** What a client may say of the person behind a call, of each route that puts one on record. */
export const requesterHeaders = Type.Object({
  'x-claimed-by': Type.Optional(Type.String({ ...encoded, description: `who asks, by their own word: ${headerText}` })),
  'x-os-user': Type.Optional(
    Type.String({ ...encoded, description: `the client's operating system user: ${headerText}` }),
  ),
});

/** Who asked for an act, as the audit has it. */
export interface Requester {
  /** The `cube_id` of the token. */
  readonly actor: string;
  /** Goes into the details: what the client claims, and which token it showed. */
  readonly about: {
    readonly claimed_by?: string;
    readonly os_user?: string;
    /** The first sixteen digits: enough to tell tokens apart, and of no use to anybody who has none. */
    readonly token_sha256: string;
  };
}

/** Throws `invalid_input` for a claim that nobody could read in a list. */
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
