/** A content that nothing refers to. */
export interface SweptContent {
  readonly sha256: string;
  readonly size: number;
  /** When it was put on record; null for a file that is on no record. */
  readonly stored_at: string | null;
}

/** What one call of a sweep removed from the store, or would remove. */
export interface SweepView {
  readonly dry_run: boolean;
  readonly contents: number;
  readonly bytes: number;
  /** Left by steps that died. */
  readonly temporary_files: number;
  /** The first hundred of the contents. */
  readonly items: readonly SweptContent[];
  /** Where the next call goes on; null at the end of the store. */
  readonly next_cursor: string | null;
}

/** Younger ones stay: what refers to them may be about to be written. */
export const sweptAfterMillis = 24 * 3600 * 1000;
