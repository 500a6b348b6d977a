import type { RejectPage } from '../api/rejects.js';
import { kindEntry, type MigrationKind } from '../domain/catalog.js';
import { table } from './output.js';

/** A reject without its contents. */
type ListedReject = Omit<RejectPage['items'][number], 'payload'>;

/** Rejects as a person reads them; their tables are named where the kind has several. */
export function rejectListing(kind: MigrationKind, rejects: readonly ListedReject[]): string {
  const named = hasSeveralTables(kind);
  const rows = rejects.map(({ table, id, reason, detail, attempts }) => [
    ...(named ? [table] : []),
    id,
    reason,
    String(attempts),
    typeof detail === 'string' ? detail : `${detail.text}, ${detail.children} rows follow it`,
  ]);
  return table([[...(named ? ['TABLE'] : []), 'ID', 'REASON', 'ATTEMPTS', 'DETAIL'], ...rows]);
}

/** Which row differs and in which field. */
export function differenceLine(
  kind: MigrationKind,
  { table, id, field }: { readonly table: string; readonly id: string; readonly field: string },
): string {
  return `  differs: ${hasSeveralTables(kind) ? `${table} ` : ''}id ${id}, ${field}`;
}

function hasSeveralTables(kind: MigrationKind): boolean {
  return kindEntry(kind).tables.length > 1;
}
