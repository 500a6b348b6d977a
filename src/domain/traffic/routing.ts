/** Who serves a request: the rules of the flags and of ownership, without any I/O. */

import type { Side } from '../side.js';

export type Intent = 'reads' | 'writes';

/**
 * A user id as its bytes, one character a byte: what Node hands out as a header's value, and what it writes as one.
 * Ids of any origin are compared and counted in this form, so that no encoding makes one id two, or two ids one.
 */
export type UserBytes = string & { readonly unit: 'one byte a character' };

/** What the flags of one cube say. */
export interface Flags {
  readonly enabled: boolean;
  /** 0 to 100, whole. */
  readonly percentage: number;
  readonly allow: ReadonlySet<UserBytes>;
  readonly deny: ReadonlySet<UserBytes>;
}

/** The default where no flags were ever set: no user is on the cube. */
export const initialFlags: Flags = { enabled: true, percentage: 0, allow: new Set(), deny: new Set() };

export interface Ownership {
  /** The side that accepts writes. */
  readonly owner: Side;
  readonly epoch: number;
  /** Whether the migration was accepted: there is no way back to legacy. */
  readonly completed: boolean;
  /** Whether legacy follows the cube closely enough to be read from. Without meaning while legacy is the owner. */
  readonly reverseSyncWithinLimit: boolean;
}

/** Until a cutover. */
export const ownedByLegacy: Ownership = { owner: 'legacy', epoch: 0, completed: false, reverseSyncWithinLimit: false };

export interface RoutingQuestion {
  /** 0 to 99; without meaning where there is no user. */
  readonly bucket: number;
  readonly userId: UserBytes | null;
  readonly intent: Intent;
  readonly flags: Flags;
  readonly ownership: Ownership;
  /** Whether the kill switch is on. */
  readonly killed: boolean;
}

/**
 * The side that serves a request, by the contract's sections on flags and ownership. Ownership comes first: a write goes
 * to the owner, and legacy is read after a cutover only while it follows. Then kill switch, closed cube, deny list, allow
 * list, percentage. Without a user it is legacy below 100 %. Allocates nothing.
 */
export function chooseSide(question: RoutingQuestion): Side {
  const { ownership } = question;
  if (ownership.completed) return 'cube';
  if (ownership.owner === 'cube' && (question.intent === 'writes' || !ownership.reverseSyncWithinLimit)) return 'cube';
  return sideByFlags(question);
}

function sideByFlags({ killed, flags, userId, bucket }: RoutingQuestion): Side {
  if (killed || !flags.enabled) return 'legacy';
  if (userId === null) return flags.percentage >= 100 ? 'cube' : 'legacy';
  if (flags.deny.has(userId)) return 'legacy';
  if (flags.allow.has(userId)) return 'cube';
  return bucket < flags.percentage ? 'cube' : 'legacy';
}

export type PercentageReading = { readonly ok: true; readonly value: number } | { readonly ok: false };

/**
 * The text of a percentage key. Absent is 0. Only what every program reads alike is taken: decimal digits without sign,
 * blank, fraction or leading zero, 0 to 100.
 */
export function readPercentage(text: string | null): PercentageReading {
  if (text === null) return { ok: true, value: 0 };
  return /^(?:0|[1-9][0-9]?|100)$/.test(text) ? { ok: true, value: Number(text) } : { ok: false };
}
