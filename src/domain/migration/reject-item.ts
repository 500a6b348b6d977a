export const rejectResolutions = ['open', 'accepted', 'moved'] as const;
export type RejectResolution = (typeof rejectResolutions)[number];

/** A reject, as a page of rejects lists it. */
export interface RejectItem {
  readonly table: string;
  readonly id: string;
  readonly reason: string;
  /** Of a table that others are children of: also how many rows follow the reject. */
  readonly detail: string | { readonly children: number; readonly text: string };
  /** The row as legacy has it; left out for a caller who may not see contents. */
  readonly payload?: unknown;
  readonly attempts: number;
  /** `moved`: a later retry or repair moved the row. */
  readonly resolution: RejectResolution;
  /** Who accepted it, or sent the command that moved it. */
  readonly by: string | null;
  /** Why it was accepted. */
  readonly why: string | null;
  /** When it was accepted or moved. */
  readonly at: string | null;
}
