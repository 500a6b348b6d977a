import { kindEntry, type MigrationKind } from '../catalog.js';

/** Items: rows of a kind's main table that have steps of their own, as comparing and activating a model. */

export interface ItemRef {
  /** Legacy's name of the table. */
  readonly table: string;
  readonly id: string;
}

/** What a step made of an item: done, or found unfit, so that its row becomes a reject. */
export type ItemOutcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'rejected'; readonly reason: string; readonly detail: string };

/** As the API and workflow ids name an item: `5` in the kind's main table, `other_table:5` elsewhere. */
export function itemName(kind: MigrationKind, { table, id }: ItemRef): string {
  return table === kindEntry(kind).tables[0]?.name ? id : `${table}:${id}`;
}

/** The steps of an item, in order; none for a kind of rows alone. */
export function itemSteps(kind: MigrationKind): readonly string[] {
  return kindEntry(kind).item?.steps ?? [];
}
