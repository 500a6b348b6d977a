/** Ids in (after, upto]. */
export interface Span {
  readonly after: bigint;
  readonly upto: bigint;
}

/** A span of both sides as of a pass. */
export interface SpanAsOf extends Span {
  /** The greatest id that the pass has covered: rows of the source behind it were added later. Left out: all rows count. */
  readonly horizon?: bigint | undefined;
}

/** Where the source's rows of a span end. */
export function sourceEnd({ after, upto, horizon = upto }: SpanAsOf): bigint {
  const end = horizon < upto ? horizon : upto;
  return end > after ? end : after;
}

export interface RangeComparison {
  readonly sourceRows: number;
  readonly targetRows: number;
  readonly sourceDigest: string;
  readonly targetDigest: string;
  readonly equal: boolean;
}
