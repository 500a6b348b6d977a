import type pg from 'pg';
import { Counter, Gauge, type Registry } from 'prom-client';
import { trafficNames } from '../../../domain/cubes.js';
import type { LastWeights } from '../../../traffic/last-weights.js';

/**
 * Counts of moved, rejected, verified and differing items by kind, read from the ledger at each scrape: it
 * survives this process, which a count of its own would not. And the weight of each cube: 0 while it is closed.
 */
export async function collectMigrationMetrics(registry: Registry, cube: pg.Pool, weights: LastWeights): Promise<void> {
  const known = registry.getSingleMetric('migration_records_total');
  const records =
    known instanceof Counter
      ? known
      : new Counter({
          name: 'migration_records_total',
          help: 'Items of migrations by outcome',
          labelNames: ['kind', 'outcome'],
          registers: [registry],
        });
  const found = await cube.query<{ kind: string; outcome: string; items: string }>(
    `select kind, outcome, sum(items) as items
       from ledger.migrations as run
      cross join lateral (
        select 'migrated' as outcome, coalesce(sum(migrated) filter (where origin <> 'repaired'), 0) as items
          from ledger.batches where migration_id = run.id
        union all
        select 'rejected', count(*) from ledger.rejects where migration_id = run.id
        union all
        -- Those among them that became rejects of their own are counted already.
        select 'rejected', count(*) from ledger.withheld as follower
         where migration_id = run.id and not exists (
           select from ledger.rejects as own
            where own.migration_id = run.id and own.table_name = follower.table_name and own.source_id = follower.source_id)
        union all
        select 'verified', coalesce(sum(compared), 0) from ledger.verifications where migration_id = run.id
        union all
        select 'mismatched', coalesce(sum(mismatched), 0) from ledger.verifications where migration_id = run.id) as counted
      group by kind, outcome`,
  );
  records.reset();
  for (const { kind, outcome, items } of found.rows) records.inc({ kind, outcome }, Number(items));
  await collectWeights(registry, weights);
}

async function collectWeights(registry: Registry, weights: LastWeights): Promise<void> {
  const known = registry.getSingleMetric('migration_traffic_weight');
  const gauge =
    known instanceof Gauge
      ? known
      : new Gauge({
          name: 'migration_traffic_weight',
          help: 'Percentage of users on the cube',
          labelNames: ['cube'],
          registers: [registry],
        });
  for (const cube of trafficNames) {
    const { enabled, percentage } = await weights.of(cube);
    gauge.set({ cube }, enabled ? percentage : 0);
  }
}
