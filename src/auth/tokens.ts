import { createSigner } from 'fast-jwt';
import { isTokenHolder } from '../domain/token-holder.js';
import {
  type Claims,
  createSignedTokens,
  isTime,
  type SignedTokens,
  type TokenSecrets,
  type VerifiedToken,
} from './signed-tokens.js';

/** Issuer and lifetime of every cube token. */
export const cubeTokenIssuer = 'heal7-security-cube';
export const cubeTokenSeconds = 3600;

export interface CubeIdentity {
  readonly cubeId: string;
  readonly permissions: readonly string[];
}

/** Verifies cube tokens, as `SignedTokens` promises. */
export type TokenVerifier = SignedTokens<CubeIdentity>;

export type VerifiedCubeToken = VerifiedToken<CubeIdentity>;

/**
 * Signs a cube token, HS256, valid for an hour from `now`. `startedAt` is that of the token with which the caller requested it,
 * milliseconds since 1970; the new token carries it as `orig_iat`. A first token has none.
 */
export function issueCubeToken(
  secret: string,
  identity: CubeIdentity,
  now: Date,
  startedAt?: number,
): { token: string; expiresAt: Date } {
  const issued = Math.floor(now.getTime() / 1000);
  const sign = createSigner({ key: Buffer.from(secret, 'utf8'), algorithm: 'HS256' });
  const token = sign({
    cube_id: identity.cubeId,
    permissions: [...identity.permissions],
    iat: issued,
    exp: issued + cubeTokenSeconds,
    iss: cubeTokenIssuer,
    // The clock of the first token's issuer may be ahead.
    ...(startedAt === undefined ? {} : { orig_iat: Math.min(issued, Math.floor(startedAt / 1000)) }),
  });
  return { token, expiresAt: new Date((issued + cubeTokenSeconds) * 1000) };
}

/** A verifier of cube tokens, which live at most an hour. */
export function createTokenVerifier(secrets: TokenSecrets, clock: () => Date): TokenVerifier {
  return createSignedTokens(secrets, { issuer: cubeTokenIssuer, read: identityOf, clock });
}

function identityOf({
  cube_id: cubeId,
  permissions,
  iat,
  exp,
  orig_iat: first = iat,
}: Claims): CubeIdentity | undefined {
  const complete =
    typeof cubeId === 'string' &&
    isTokenHolder(cubeId) &&
    Array.isArray(permissions) &&
    permissions.every((one) => typeof one === 'string');
  if (!complete || !isTime(iat) || !isTime(exp) || exp - iat > cubeTokenSeconds) return undefined;
  // The first token of a chain cannot be younger than this one.
  if (!isTime(first) || first > iat) return undefined;
  return { cubeId, permissions };
}
