declare const fencingTokenBrand: unique symbol;

/**
 * A number out of the sequence `ledger.claim_tokens`, taken with each claim of a range, an item's step or a run's operation. Only
 * the newest one counts: a commit under an older one is refused, so that a worker that was frozen and wakes up changes nothing.
 */
export type FencingToken = bigint & { readonly [fencingTokenBrand]: true };

/** The token that a statement took from the sequence, as the driver gives it. */
export function fencingToken(value: string): FencingToken {
  return BigInt(value) as FencingToken;
}
