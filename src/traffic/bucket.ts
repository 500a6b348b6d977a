import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { UserBytes } from '../domain/traffic/routing.js';

/** The bytes of an id given as text, such as a token's `sub`: UTF-8, neither trimmed nor normalised. */
export function bytesOfText(id: string): UserBytes {
  return Buffer.from(id, 'utf8').toString('latin1') as UserBytes;
}

/** The bytes of an id from a header: Node gives one character for each byte on the wire. */
export function bytesOfHeader(value: string): UserBytes {
  return value as UserBytes;
}

/**
 * The bucket of a user, 0 to 99: the first 32 bits of the MD5 of the id's bytes, modulo 100. Contract, section 4: other
 * programs calculate the same. MD5 only distributes users here; it protects nothing.
 */
export function bucketOf(user: UserBytes): number {
  return Number.parseInt(hash('md5', Buffer.from(user, 'latin1')).slice(0, 8), 16) % 100;
}

export interface Buckets {
  /** As `bucketOf`. Allocates nothing for a recent user. */
  of(user: UserBytes): number;
}

/** Longer ids are not cached: a client must not fill the memory with them. */
const maxCachedLength = 256;

/** Caches the buckets of the last `max` users. */
export function createBuckets(max = 50_000): Buckets {
  // Without it the cache would allocate an empty object for each call.
  const noOptions = {};
  const known = new LRUCache<UserBytes, number>({ max });
  return {
    of: (user) => {
      const kept = known.get(user, noOptions);
      if (kept !== undefined) return kept;
      const bucket = bucketOf(user);
      if (user.length <= maxCachedLength) known.set(user, bucket);
      return bucket;
    },
  };
}
