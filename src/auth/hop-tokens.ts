import type { CubeId } from '../domain/catalog.js';
import { cubeTokenSeconds, issueCubeToken } from './tokens.js';

const renewBeforeMillis = 600_000;

/**
 * The tokens by which cubes know who calls them: one for each cube that `callerId` calls, good for calling that one alone.
 * Signed anew ten minutes before its end, so that no call arrives with one that has just expired, and when the secret
 * has changed.
 */
export function createHopTokens(
  callerId: CubeId,
  secretNow: () => string,
  clock: () => Date,
): (name: string) => string {
  const tokens = new Map<string, { readonly token: string; readonly secret: string; readonly renewAt: number }>();
  return (name) => {
    const now = clock();
    const secret = secretNow();
    const known = tokens.get(name);
    if (known !== undefined && known.secret === secret && now.getTime() < known.renewAt) return known.token;
    const { token } = issueCubeToken(secret, { cubeId: callerId, permissions: [`${name}:call`] }, now);
    tokens.set(name, { token, secret, renewAt: now.getTime() + cubeTokenSeconds * 1000 - renewBeforeMillis });
    return token;
  };
}
