import type { CubeId } from '../domain/catalog.js';
import { cubeTokenSeconds, issueCubeToken } from './tokens.js';

const renewBeforeMillis = 600_000;

/**
 * The tokens that identify `callerId` to other cubes: one for each cube, valid only for calling that cube. Signed again ten
 * minutes before it expires, so that no call arrives with an expired token, and after a change of the secret.
 */
export function createHopTokens(
  callerId: CubeId,
  currentSecret: () => string,
  clock: () => Date,
): (name: string) => string {
  const tokens = new Map<string, { readonly token: string; readonly secret: string; readonly renewAt: number }>();
  return (name) => {
    const now = clock();
    const secret = currentSecret();
    const known = tokens.get(name);
    if (known !== undefined && known.secret === secret && now.getTime() < known.renewAt) return known.token;
    const { token } = issueCubeToken(secret, { cubeId: callerId, permissions: [`${name}:call`] }, now);
    tokens.set(name, { token, secret, renewAt: now.getTime() + cubeTokenSeconds * 1000 - renewBeforeMillis });
    return token;
  };
}
