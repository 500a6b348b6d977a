import type { RejectPage } from '../api/rejects.js';
import { kindEntry, type MigrationKind } from '../domain/catalog.js';
import type { RejectReasonSummary } from '../domain/migration/reject-summary.js';
import { jsonLine, table } from './output.js';

type ListedReject = RejectPage['items'][number];

/** Reasons as a person reads them: how many rejects of each there are, then what to do about each. */
export function summaryListing(kind: MigrationKind, reasons: readonly RejectReasonSummary[], columns?: number): string {
  const shown = columnsOf(kind, reasons);
  const counts = reasons.map((one) => shown.map(({ cell }) => cell(one)));
  const texts = [...new Map(reasons.map(({ reason, what_to_do }) => [reason, what_to_do]))];
  return [
    table([shown.map(({ head }) => head), ...counts]),
    '',
    table([['REASON', 'WHAT TO DO'], ...texts], columns),
  ].join('\n');
}

interface SummaryColumn {
  readonly head: string;
  readonly cell: (reason: RejectReasonSummary) => string;
}

/** Columns that say nothing here are left out. */
function columnsOf(kind: MigrationKind, reasons: readonly RejectReasonSummary[]): readonly SummaryColumn[] {
  const count = (head: string, of: (reason: RejectReasonSummary) => number) => ({
    head,
    cell: (reason: RejectReasonSummary) => String(of(reason)),
  });
  return [
    ...(hasSeveralTables(kind) ? [{ head: 'TABLE', cell: ({ table }: RejectReasonSummary) => table }] : []),
    { head: 'REASON', cell: ({ reason }) => reason },
    count('OPEN', ({ open }) => open),
    count('ACCEPTED', ({ accepted }) => accepted),
    count('MOVED', ({ moved }) => moved),
    ...(reasons.some(({ gone }) => gone > 0) ? [count('GONE', ({ gone }) => gone)] : []),
    ...(reasons.some(({ children }) => children > 0) ? [count('CHILDREN', ({ children }) => children)] : []),
    { head: 'EXAMPLE', cell: ({ example }) => example },
  ];
}

/** Rejects as a person reads them; their tables are named where the kind has several, their contents shown where they have any. */
export function rejectListing(kind: MigrationKind, rejects: readonly ListedReject[], columns?: number): string {
  const named = hasSeveralTables(kind);
  const head = [...(named ? ['TABLE'] : []), 'ID', 'REASON', 'ATTEMPTS', 'RESOLUTION', 'DETAIL'];
  const rows = rejects.map((reject) => [
    ...(named ? [reject.table] : []),
    reject.id,
    reject.reason,
    String(reject.attempts),
    resolutionOf(reject),
    detailOf(reject),
  ]);
  const listing = table([head, ...rows], columns);
  const contents = rejects.filter((reject) => 'payload' in reject);
  if (contents.length === 0) return listing;
  const lines = contents.map(({ table, id, payload }) => `${named ? `${table} ` : ''}${id} ${jsonLine(payload)}`);
  return [listing, '', 'CONTENTS', ...lines].join('\n');
}

function resolutionOf({ resolution, by, why, at }: ListedReject): string {
  if (resolution === 'open') return resolution;
  return `${resolution} by ${by ?? 'the engine'}, ${at ?? ''}${why === null ? '' : `: ${why}`}`;
}

function detailOf({ detail, resolution }: ListedReject): string {
  if (resolution === 'moved') return `before it was moved: ${typeof detail === 'string' ? detail : detail.text}`;
  return typeof detail === 'string' ? detail : `${detail.text}, ${detail.children} rows follow it`;
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
