/** A row that was not moved, as a page of rejects lists it. */
export interface RejectItem {
  readonly table: string;
  readonly id: string;
  readonly reason: string;
  /** Of a table that others are children of: also how many rows follow the reject. */
  readonly detail: string | { readonly children: number; readonly text: string };
  readonly payload: unknown;
  readonly attempts: number;
}
