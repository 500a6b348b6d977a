import type pg from 'pg';
import { kindEntry, type MigrationKind, rejectAdvice } from '../../domain/catalog.js';
import type { RejectReasonSummary, RejectSummary, RejectTotals } from '../../domain/migration/reject-summary.js';
import { mainTableOf, rowName } from '../../domain/migration/row-name.js';

type SummaryRow = { readonly table: string; readonly reason: string; readonly example: string } & {
  readonly [Name in keyof RejectTotals]: string;
};

/** Counts the rejects of a run by table and reason; reads an index alone. */
export async function readRejectSummary(
  cube: pg.Pool,
  { id: migrationId, kind }: { readonly id: string; readonly kind: MigrationKind },
): Promise<RejectSummary> {
  const found = await cube.query<SummaryRow>(
    `with followers as (
       select table_name, reason, sum(rows) as rows
         from (select reject_table, reject_id, count(*) as rows from ledger.withheld
                where migration_id = $1 and released_at is null group by 1, 2) as followed
        -- By key, one after the other: without statistics yet, a join would compare each with each.
        cross join lateral (
          select table_name, reason from ledger.rejects
           where migration_id = $1 and table_name = reject_table and source_id = reject_id limit 1) as own
        group by 1, 2),
     counted as (
       select table_name, reason,
              coalesce(min(source_id) filter (where resolution = 'open'),
                       min(source_id) filter (where resolution <> 'gone'), min(source_id))::text as example,
              count(*) filter (where resolution = 'open') as open,
              count(*) filter (where resolution = 'accepted') as accepted,
              count(*) filter (where resolution = 'migrated') as moved,
              count(*) filter (where resolution = 'gone') as gone
         from ledger.rejects where migration_id = $1 and resolution <> 'withheld'
        group by 1, 2)
     select table_name as table, reason, example, open, accepted, moved, gone, coalesce(followers.rows, 0) as children
       from counted left join followers using (table_name, reason)`,
    [migrationId],
  );
  const places = new Map(kindEntry(kind).tables.map(({ name }, place) => [name, place]));
  const placeOf = ({ table }: RejectReasonSummary) => places.get(table) ?? places.size;
  const reasons = found.rows
    .map(
      ({ table, reason, example, ...counts }): RejectReasonSummary => ({
        table,
        reason,
        ...toTotals(counts),
        example: rowName({ table, id: example }, mainTableOf(kind)),
        what_to_do: rejectAdvice(kind, reason),
      }),
    )
    .sort(
      (a, b) =>
        b.open - a.open || b.accepted - a.accepted || placeOf(a) - placeOf(b) || a.reason.localeCompare(b.reason, 'en'),
    );
  const sum = (name: keyof RejectTotals) => reasons.reduce((total, reason) => total + reason[name], 0);
  return {
    open: sum('open'),
    accepted: sum('accepted'),
    moved: sum('moved'),
    gone: sum('gone'),
    children: sum('children'),
    reasons,
  };
}

function toTotals(counts: { readonly [Name in keyof RejectTotals]: string }): RejectTotals {
  return {
    open: Number(counts.open),
    accepted: Number(counts.accepted),
    moved: Number(counts.moved),
    gone: Number(counts.gone),
    children: Number(counts.children),
  };
}
