import type pg from 'pg';
import { Gauge, type Registry } from 'prom-client';

/** Counts of moved, rejected, verified and differing items by kind, read from the ledger when they are asked for. */
export async function collectMigrationMetrics(registry: Registry, cube: pg.Pool): Promise<void> {
  const known = registry.getSingleMetric('migration_records_total');
  // A gauge that is set to the ledger's count: the ledger survives this process, a counter of its own would not.
  const records =
    known instanceof Gauge
      ? known
      : new Gauge({
          name: 'migration_records_total',
          help: 'Items of migrations by outcome',
          labelNames: ['kind', 'outcome'],
          registers: [registry],
        });
  const found = await cube.query<{
    kind: string;
    migrated: string;
    rejected: string;
    verified: string;
    mismatched: string;
  }>(
    `select m.kind,
            coalesce(sum(b.migrated), 0) as migrated, coalesce(sum(b.rejected), 0) as rejected,
            coalesce(sum(v.compared), 0) as verified, coalesce(sum(v.mismatched), 0) as mismatched
       from ledger.migrations m
       left join lateral (select sum(migrated) as migrated, sum(rejected) as rejected from ledger.batches where migration_id = m.id) b on true
       left join lateral (select sum(compared) as compared, sum(mismatched) as mismatched from ledger.verifications where migration_id = m.id) v on true
      group by m.kind`,
  );
  for (const row of found.rows) {
    for (const outcome of ['migrated', 'rejected', 'verified', 'mismatched'] as const)
      records.set({ kind: row.kind, outcome }, Number(row[outcome]));
  }
}
