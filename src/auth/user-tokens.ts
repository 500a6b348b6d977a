import { createSignedTokens, type SignedTokens, type TokenSecrets } from './signed-tokens.js';

/** The issuer of HEAL7's login. */
export const userTokenIssuer = 'heal7-users';

export interface UserIdentity {
  readonly userId: string;
}

/** Verifies user tokens, as `SignedTokens` promises. */
export type UserTokenVerifier = SignedTokens<UserIdentity>;

/** A verifier of the tokens of HEAL7's login. With an empty secret no user token is valid. */
export function createUserTokenVerifier(secrets: TokenSecrets, clock: () => Date): UserTokenVerifier {
  return createSignedTokens(secrets, {
    issuer: userTokenIssuer,
    read: ({ sub }) => (typeof sub === 'string' && sub !== '' ? { userId: sub } : undefined),
    clock,
  });
}
