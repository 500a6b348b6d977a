import { errors, jwtVerify, SignJWT } from 'jose';
import { Failure } from '../failures.js';

/** What every cube token says of itself. */
export const cubeTokenIssuer = 'heal7-security-cube';
export const cubeTokenSeconds = 3600;

const mostTokenLength = 8192;

export interface CubeIdentity {
  readonly cubeId: string;
  readonly permissions: readonly string[];
}

/** Signs a cube token, HS256, valid for an hour from `now`. */
export async function issueCubeToken(
  secret: string,
  identity: CubeIdentity,
  now: Date,
): Promise<{ token: string; expiresAt: Date }> {
  const issued = Math.floor(now.getTime() / 1000);
  const token = await new SignJWT({ cube_id: identity.cubeId, permissions: [...identity.permissions] })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer(cubeTokenIssuer)
    .setIssuedAt(issued)
    .setExpirationTime(issued + cubeTokenSeconds)
    .sign(new TextEncoder().encode(secret));
  return { token, expiresAt: new Date((issued + cubeTokenSeconds) * 1000) };
}

/**
 * Who a token belongs to. Throws `unauthorized`: `Token expired` for one that is right in all but its time,
 * `Invalid token` for anything else.
 */
export async function verifyCubeToken(secret: string, token: string, now: Date): Promise<CubeIdentity> {
  if (token.length > mostTokenLength) throw invalid();
  try {
    const { payload } = await jwtVerify(token, new TextEncoder().encode(secret), {
      algorithms: ['HS256'],
      issuer: cubeTokenIssuer,
      requiredClaims: ['exp', 'iat', 'cube_id', 'permissions'],
      currentDate: now,
    });
    return identityOf(payload);
  } catch (error) {
    if (error instanceof Failure) throw error;
    // jose checks the time last but one: an expired token may still lack its other claims.
    if (error instanceof errors.JWTExpired) {
      identityOf(error.payload);
      throw new Failure('unauthorized', 'Token expired');
    }
    throw invalid();
  }
}

function identityOf(payload: Readonly<Record<string, unknown>>): CubeIdentity {
  const { cube_id: cubeId, permissions, iat, exp } = payload;
  const complete =
    typeof cubeId === 'string' &&
    cubeId !== '' &&
    Array.isArray(permissions) &&
    permissions.every((one) => typeof one === 'string');
  if (!complete || typeof iat !== 'number' || typeof exp !== 'number' || exp - iat > cubeTokenSeconds) throw invalid();
  return { cubeId, permissions };
}

function invalid(): Failure {
  return new Failure('unauthorized', 'Invalid token');
}
