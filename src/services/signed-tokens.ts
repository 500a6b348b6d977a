import { createVerifier, TokenError } from 'fast-jwt';
import { LRUCache } from 'lru-cache';
import { Failure } from '../failures.js';

/**
 * What tokens of one kind are signed with. While a secret is being changed both the new and the old one are right;
 * an empty text is no secret.
 */
export interface TokenSecrets {
  readonly current: string;
  readonly previous?: string;
}

export type Claims = Readonly<Record<string, unknown>>;

export interface SignedTokens<Identity> {
  /**
   * Whom a token speaks for. Throws `unauthorized`: `Token expired` for one that is right in all but its time,
   * `Invalid token` for anything else. Remembers right tokens until they expire.
   */
  verify(token: string): Identity;
  /** Takes other secrets from now on, and forgets what was verified with the former ones. */
  useSecrets(secrets: TokenSecrets): void;
}

export interface TokenRules<Identity> {
  readonly issuer: string;
  /** What the claims say beside issuer and times; undefined when a claim is missing or wrong. */
  readonly read: (claims: Claims) => Identity | undefined;
  readonly clock: () => Date;
}

const mostTokenLength = 8192;
/** A signer's clock may be ahead by this much, seconds. Never added to `exp`: an hour is an hour. */
const clockSkew = 60;
const cachedTokens = { max: 10_000, maxSize: 16 * 1024 * 1024 };

/** HS256 and nothing else (RFC 8725, 3.1), with an issuer and an end. Without any secret every token is invalid. */
export function createSignedTokens<Identity extends object>(
  secrets: TokenSecrets,
  { issuer, read, clock }: TokenRules<Identity>,
): SignedTokens<Identity> {
  const verified = new LRUCache<string, { identity: Identity; expiresAt: number }>({
    ...cachedTokens,
    sizeCalculation: (_entry, token) => token.length,
  });
  let verifiers = verifiersOf(secrets, issuer);
  const check = (token: string, now: number) => {
    if (token.length > mostTokenLength) throw invalid();
    const claims = claimsOf(token, verifiers);
    const identity = read(claims);
    const { exp, iat, nbf } = claims;
    const begun = [iat, nbf].every((time) => time === undefined || begins(time, now));
    if (identity === undefined || !begun || !isTime(exp)) throw invalid();
    return { identity, expiresAt: exp * 1000 };
  };
  return {
    verify(token) {
      const now = clock().getTime();
      let entry = verified.get(token);
      if (entry === undefined) {
        entry = check(token, now);
        if (now < entry.expiresAt) verified.set(token, entry);
      }
      if (now < entry.expiresAt) return entry.identity;
      verified.delete(token);
      throw new Failure('unauthorized', 'Token expired');
    },
    useSecrets(changed) {
      verifiers = verifiersOf(changed, issuer);
      verified.clear();
    },
  };
}

type Verifier = (token: string) => Claims;

function verifiersOf({ current, previous = '' }: TokenSecrets, issuer: string): readonly Verifier[] {
  // An empty key would let anybody sign.
  return [current, previous]
    .filter((secret) => secret !== '')
    .map((secret) =>
      createVerifier({
        key: Buffer.from(secret, 'utf8'),
        algorithms: ['HS256'],
        requiredClaims: ['iss', 'exp'],
        allowedIss: issuer,
        cache: false,
        // Times are judged here, by the clock that was given and after all other claims.
        ignoreExpiration: true,
        ignoreNotBefore: true,
      }),
    );
}

function claimsOf(token: string, verifiers: readonly Verifier[]): Claims {
  for (const verify of verifiers) {
    try {
      const claims = verify(token);
      // The library takes a list that holds the issuer for the issuer.
      if (typeof claims.iss !== 'string') throw invalid();
      return claims;
    } catch (error) {
      const otherKey = error instanceof TokenError && error.code === TokenError.codes.invalidSignature;
      if (!otherKey) throw invalid();
    }
  }
  throw invalid();
}

function begins(time: unknown, now: number): boolean {
  return isTime(time) && (time - clockSkew) * 1000 <= now;
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function invalid(): Failure {
  return new Failure('unauthorized', 'Invalid token');
}
