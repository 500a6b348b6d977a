import { kindEntry, type MigrationKind } from '../catalog.js';

/** Items: rows of a kind's main table that have steps of their own, as comparing and activating a model. */

export interface ItemRef {
  /** Legacy's name of the table. */
  readonly table: string;
  readonly id: string;
}

/** What a step made of an item. */
export type ItemOutcome = { readonly kind: 'done' } | UnfitItem;

/** A step found the item unfit: its row becomes a reject. */
export interface UnfitItem {
  readonly kind: 'unfit';
  readonly reason: string;
  readonly detail: string;
}

export interface RejectedItem extends UnfitItem {
  readonly item: ItemRef;
}

/** As the API and workflow ids name an item: `5` in the kind's main table, `other_table:5` elsewhere. */
export function itemName(kind: MigrationKind, { table, id }: ItemRef): string {
  return table === kindEntry(kind).tables[0]?.name ? id : `${table}:${id}`;
}

/** Legacy's name of the table whose rows are items; undefined for a kind of rows alone. */
export function itemTable(kind: MigrationKind): string | undefined {
  const { item, tables } = kindEntry(kind);
  return item && tables[0]?.name;
}

/** The steps of an item, in order; none for a kind of rows alone. */
export function itemSteps(kind: MigrationKind): readonly string[] {
  return kindEntry(kind).item?.steps ?? [];
}

/** How many items of a run are moved at the same time. */
export function parallelItems(kind: MigrationKind): number {
  return kindEntry(kind).item?.parallel ?? 1;
}
