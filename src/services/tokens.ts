import { createSigner } from 'fast-jwt';
import { type Claims, createSignedTokens, type SignedTokens, type TokenSecrets } from './signed-tokens.js';

/** What every cube token says of itself. */
export const cubeTokenIssuer = 'heal7-security-cube';
export const cubeTokenSeconds = 3600;

export interface CubeIdentity {
  readonly cubeId: string;
  readonly permissions: readonly string[];
}

/** Says whom a cube token speaks for, as `SignedTokens` promises. */
export type TokenVerifier = SignedTokens<CubeIdentity>;

/** Signs a cube token, HS256, valid for an hour from `now`. */
export function issueCubeToken(secret: string, identity: CubeIdentity, now: Date): { token: string; expiresAt: Date } {
  const issued = Math.floor(now.getTime() / 1000);
  const sign = createSigner({ key: Buffer.from(secret, 'utf8'), algorithm: 'HS256' });
  const token = sign({
    cube_id: identity.cubeId,
    permissions: [...identity.permissions],
    iat: issued,
    exp: issued + cubeTokenSeconds,
    iss: cubeTokenIssuer,
  });
  return { token, expiresAt: new Date((issued + cubeTokenSeconds) * 1000) };
}

/** A verifier of cube tokens, which live an hour at the most. */
export function createTokenVerifier(secrets: TokenSecrets, clock: () => Date): TokenVerifier {
  return createSignedTokens(secrets, { issuer: cubeTokenIssuer, read: identityOf, clock });
}

function identityOf({ cube_id: cubeId, permissions, iat, exp }: Claims): CubeIdentity | undefined {
  const complete =
    typeof cubeId === 'string' &&
    cubeId !== '' &&
    Array.isArray(permissions) &&
    permissions.every((one) => typeof one === 'string');
  if (!complete || typeof iat !== 'number' || typeof exp !== 'number' || exp - iat > cubeTokenSeconds) return undefined;
  return { cubeId, permissions };
}
