import type pg from 'pg';

/** Ids of the source that must not be moved, as text. */
export type RejectedIds = readonly string[];

/**
 * The engine's transform as SQL, for the peers: a view of the target's name over the source. Which rows are rejected
 * is not worked out here but looked up in a table of ids made beforehand: one hash lookup a row, which is less than
 * what the rules cost the engine in the same run.
 */
const view = `create view saju.charts as
  select record.id, user_id,
         jsonb_build_object('year', birth_year, 'month', birth_month, 'day', birth_day, 'hour', birth_hour,
           'minute', coalesce(birth_minute, 0), 'solar_calendar', is_solar,
           'leap_month', coalesce(is_leap_month, false)) as birth_info,
         jsonb_build_object('year_pillar', year_pillar, 'month_pillar', month_pillar, 'day_pillar', day_pillar,
           'hour_pillar', hour_pillar) as saju_chart,
         convention, interpretation, created_at, updated_at, now() as migrated_at
    from public.saju_records as record
   where not exists (select from saju.rejected where rejected.id = record.id)`;

/** Puts view and ids into a legacy database, or replaces the ids that are there. */
export async function prepareTransform(client: pg.Client, rejected: RejectedIds): Promise<void> {
  await client.query('drop schema if exists saju cascade');
  await client.query('create schema saju');
  await client.query('create table saju.rejected (id bigint primary key)');
  await client.query('insert into saju.rejected select unnest($1::bigint[])', [rejected]);
  await client.query(view);
  await client.query('vacuum analyze saju.rejected');
}
