/** Ids in (after, upto]. */
export interface Span {
  readonly after: bigint;
  readonly upto: bigint;
}

export interface RangeComparison {
  readonly sourceRows: number;
  readonly targetRows: number;
  readonly sourceDigest: string;
  readonly targetDigest: string;
  readonly equal: boolean;
}
