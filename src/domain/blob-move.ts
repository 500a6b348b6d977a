/** A content of the store that cannot be brought elsewhere. */
export interface UnmovedContent {
  readonly sha256: string;
  /** `missing`: on record, and not in the store. */
  readonly damage: 'missing' | 'damaged';
}

/** What one call of a move brought from the store to another place. */
export interface MoveView {
  readonly to: string;
  /** Written there by this call, and read back. */
  readonly contents: number;
  readonly bytes: number;
  /** There already, each byte of them right. */
  readonly already_there: number;
  readonly unmoved: number;
  /** The first hundred of these. */
  readonly items: readonly UnmovedContent[];
  /** Where the next call goes on; null at the end of the store. */
  readonly next_cursor: string | null;
  /** At the end of the store: contents on record that the place does not have. Null before. */
  readonly missing_there: number | null;
}
