import type pg from 'pg';
import type { AnsweredFields } from '../kind.js';

const each = 10;

/** What is answered as it is stored: times are left out, since how they are written is the service's. */
const fields = `id::text, user_id, birth_year, birth_month, birth_day, birth_hour, is_solar, year_pillar, month_pillar,
  day_pillar, hour_pillar, interpretation`;

/** Some of legacy's saju rows: the newest, and as many by chance. */
export async function sampleSajuRows(legacy: pg.Pool): Promise<readonly AnsweredFields[]> {
  const found = await legacy.query<Record<string, string | number | boolean | null>>(
    `with bounds as (select min(id) as least, max(id) as greatest from public.saju_records),
     drawn as (
       select distinct on (row.id) row.id from bounds
        cross join lateral (select (least::numeric + floor(random()::numeric * (greatest::numeric - least)))::bigint as id
                              from generate_series(1, $1::int)) as point
        cross join lateral (select id from public.saju_records where id >= point.id order by id limit 1) as row)
     select ${fields} from public.saju_records
      where id in (select id from drawn)
         or id in (select id from public.saju_records order by id desc limit $1)`,
    [each],
  );
  return found.rows;
}

/** One row as it is now; undefined when it is gone. */
export async function readSajuRow(legacy: pg.Pool, id: string): Promise<AnsweredFields | undefined> {
  const found = await legacy.query<Record<string, string | number | boolean | null>>(
    `select ${fields} from public.saju_records where id = $1::bigint`,
    [id],
  );
  return found.rows[0];
}
