import { createVerifier, TokenError } from 'fast-jwt';
import { LRUCache } from 'lru-cache';
import { Failure } from '../base/failures.js';

/**
 * The secrets of one kind of tokens. During a change both the new and the previous one are valid; an empty text is no secret.
 */
export interface TokenSecrets {
  readonly current: string;
  readonly previous?: string;
}

export type Claims = Readonly<Record<string, unknown>>;

/** A verified token: its identity and its times. */
export interface VerifiedToken<Identity> {
  readonly identity: Identity;
  /** Whether it is signed with the current secret, not with the previous one. */
  readonly isCurrent: boolean;
  /** Milliseconds since 1970: when the first token of its chain of issues was issued. */
  readonly startedAt: number;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

export interface SignedTokens<Identity> {
  /**
   * The identity of a token. Throws `unauthorized`: `Token expired` for one that is valid except for its time, `Invalid token`
   * for anything else. Caches valid tokens until they expire.
   */
  verify(token: string): Identity;
  /** As `verify`, with the token's times. */
  inspect(token: string): VerifiedToken<Identity>;
  /** Replaces the secrets, and clears the cache. */
  useSecrets(secrets: TokenSecrets): void;
}

export interface TokenRules<Identity> {
  readonly issuer: string;
  /** The identity in the claims; undefined when a claim is missing or invalid. */
  readonly read: (claims: Claims) => Identity | undefined;
  readonly clock: () => Date;
}

const maxTokenLength = 8192;
/** Tolerance for a signer's clock that is ahead, seconds. Never added to `exp`: an hour is an hour. */
const clockSkew = 60;
const cachedTokens = { max: 10_000, maxSize: 16 * 1024 * 1024 };

/** Only HS256 (RFC 8725, 3.1), with issuer and expiry. Without any secret every token is invalid. */
export function createSignedTokens<Identity extends object>(
  secrets: TokenSecrets,
  { issuer, read, clock }: TokenRules<Identity>,
): SignedTokens<Identity> {
  const verified = new LRUCache<string, VerifiedToken<Identity>>({
    ...cachedTokens,
    sizeCalculation: (_entry, token) => token.length,
  });
  let verifiers = verifiersOf(secrets, issuer);
  const check = (token: string, now: number): VerifiedToken<Identity> => {
    if (token.length > maxTokenLength) throw invalid();
    const { claims, isCurrent } = claimsOf(token, verifiers);
    const identity = read(claims);
    const { exp, iat, nbf, orig_iat: first = iat } = claims;
    const started = [iat, nbf].every((time) => time === undefined || hasStarted(time, now));
    if (identity === undefined || !started || !isTime(exp)) throw invalid();
    return { identity, isCurrent, startedAt: isTime(first) ? first * 1000 : now, expiresAt: exp * 1000 };
  };
  const inspect = (token: string): VerifiedToken<Identity> => {
    const now = clock().getTime();
    let entry = verified.get(token);
    if (entry === undefined) {
      entry = check(token, now);
      if (now < entry.expiresAt) verified.set(token, entry);
    }
    if (now < entry.expiresAt) return entry;
    verified.delete(token);
    throw new Failure('unauthorized', 'Token expired');
  };
  return {
    verify: (token) => inspect(token).identity,
    inspect,
    useSecrets(changed) {
      verifiers = verifiersOf(changed, issuer);
      verified.clear();
    },
  };
}

interface Verifier {
  readonly verify: (token: string) => Claims;
  readonly isCurrent: boolean;
}

function verifiersOf({ current, previous = '' }: TokenSecrets, issuer: string): readonly Verifier[] {
  // With an empty key anybody could sign.
  return [
    { secret: current, isCurrent: true },
    { secret: previous, isCurrent: previous === current },
  ]
    .filter(({ secret }) => secret !== '')
    .map(({ secret, isCurrent }) => ({
      isCurrent,
      verify: createVerifier({
        key: Buffer.from(secret, 'utf8'),
        algorithms: ['HS256'],
        requiredClaims: ['iss', 'exp'],
        allowedIss: issuer,
        cache: false,
        // `inspect` checks the times, by the given clock and after all other claims.
        ignoreExpiration: true,
        ignoreNotBefore: true,
      }),
    }));
}

function claimsOf(
  token: string,
  verifiers: readonly Verifier[],
): { readonly claims: Claims; readonly isCurrent: boolean } {
  for (const { verify, isCurrent } of verifiers) {
    try {
      const claims = verify(token);
      // The library accepts a list that contains the issuer.
      if (typeof claims.iss !== 'string') throw invalid();
      return { claims, isCurrent };
    } catch (error) {
      const otherKey = error instanceof TokenError && error.code === TokenError.codes.invalidSignature;
      if (!otherKey) throw invalid();
    }
  }
  throw invalid();
}

function hasStarted(time: unknown, now: number): boolean {
  return isTime(time) && (time - clockSkew) * 1000 <= now;
}

/** Whether a claim is a time: seconds since 1970, whole or fractional (RFC 7519). */
export function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

function invalid(): Failure {
  return new Failure('unauthorized', 'Invalid token');
}
