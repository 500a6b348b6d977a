import { parseRowName, type RowRef } from './row-name.js';

/** Rejects of a table, of a reason, or of both. */
export interface RejectFilter {
  readonly table?: string;
  readonly reason?: string;
}

/** Which rejects a command is for: all, the rows named as `5` or `other_table:5`, or those that a filter fits. */
export type RejectSelection = 'all' | readonly string[] | RejectFilter;

/** A selection with its names read. */
export type SelectedRejects = 'all' | readonly RowRef[] | RejectFilter;

export function readSelection(selection: RejectSelection, mainTable: string): SelectedRejects {
  return isNamed(selection) ? selection.map((name) => parseRowName(name, mainTable)) : selection;
}

/** Whether a selection names its rows. */
export function isNamed<Row>(selection: 'all' | readonly Row[] | RejectFilter): selection is readonly Row[] {
  return Array.isArray(selection);
}
