import { createSignedTokens, type SignedTokens, type TokenSecrets } from './signed-tokens.js';

/** What HEAL7's login says of its tokens. */
export const userTokenIssuer = 'heal7-users';

export interface UserIdentity {
  readonly userId: string;
}

/** Says whom a user token speaks for, as `SignedTokens` promises. */
export type UserTokenVerifier = SignedTokens<UserIdentity>;

/** A verifier of the tokens that users get from HEAL7's login. With an empty secret no user token is right. */
export function createUserTokenVerifier(secrets: TokenSecrets, clock: () => Date): UserTokenVerifier {
  return createSignedTokens(secrets, {
    issuer: userTokenIssuer,
    read: ({ sub }) => (typeof sub === 'string' && sub !== '' ? { userId: sub } : undefined),
    clock,
  });
}
