import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { UserBytes } from '../domain/traffic/routing.js';

/** The bytes of an id that came as text, such as a token's `sub`: its UTF-8, neither trimmed nor normalised. */
export function bytesOfText(id: string): UserBytes {
  return Buffer.from(id, 'utf8').toString('latin1') as UserBytes;
}

/** The bytes of an id that came in a header: Node hands out a character for each byte on the wire. */
export function bytesOfHeader(value: string): UserBytes {
  return value as UserBytes;
}

/**
 * The bucket of a user, 0 to 99: the first 32 bits of the MD5 of the id's bytes, modulo 100. Contract, section 4: other
 * programs calculate the same. MD5 spreads users here; it protects nothing.
 */
export function bucketOf(user: UserBytes): number {
  return Number.parseInt(hash('md5', Buffer.from(user, 'latin1')).slice(0, 8), 16) % 100;
}

export interface Buckets {
  /** As `bucketOf`. Allocates nothing for a user that was asked for not long ago. */
  of(user: UserBytes): number;
}

/** Longer ids are calculated anew each time: a stranger must not fill the memory with them. */
const maxKept = 256;

/** Remembers the buckets of the last `most` users. */
export function createBuckets(max = 50_000): Buckets {
  // Without it the cache would make an empty one for each look.
  const asItIs = {};
  const known = new LRUCache<UserBytes, number>({ max: max });
  return {
    of: (user) => {
      const kept = known.get(user, asItIs);
      if (kept !== undefined) return kept;
      const bucket = bucketOf(user);
      if (user.length <= maxKept) known.set(user, bucket);
      return bucket;
    },
  };
}
