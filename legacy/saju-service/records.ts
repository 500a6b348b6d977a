import type pg from 'pg';
import { writeIsoTime } from '../iso-time.js';
import type { Chart } from './chart.js';
import type { Calculation } from './requests.js';

/** A record as the service answers it, in flat names; `convention` is the JSON text of the table, carried as it is. */
export interface SajuRecord {
  readonly id?: string;
  readonly user_id: string;
  readonly birth_year: number | null;
  readonly birth_month: number | null;
  readonly birth_day: number | null;
  readonly birth_hour: number | null;
  readonly birth_minute: number | null;
  readonly is_solar: boolean | null;
  readonly is_leap_month: boolean | null;
  readonly year_pillar: string | null;
  readonly month_pillar: string | null;
  readonly day_pillar: string | null;
  readonly hour_pillar: string | null;
  readonly convention: string | null;
  readonly interpretation: string | null;
  readonly created_at?: string | null;
  readonly updated_at?: string | null;
  readonly warnings?: readonly string[];
}

const columns = `id::text, user_id, birth_year, birth_month, birth_day, birth_hour, birth_minute, is_solar, is_leap_month,
  year_pillar, month_pillar, day_pillar, hour_pillar, convention::text, interpretation, created_at::text, updated_at::text`;

export async function findRecord(pool: pg.Pool, id: string): Promise<SajuRecord | undefined> {
  const found = await pool.query<SajuRecord>(`select ${columns} from saju_records where id = $1`, [id]);
  return found.rows[0];
}

/** A user's records, the newest id first, after `cursor`; one more than `limit` when there are more. */
export async function listRecords(
  pool: pg.Pool,
  userId: string,
  limit: number,
  cursor: string | undefined,
): Promise<readonly SajuRecord[]> {
  const found = await pool.query<SajuRecord>(
    `select ${columns} from saju_records
      where user_id = $1 and ($2::bigint is null or id < $2::bigint) order by id desc limit $3`,
    [userId, cursor ?? null, limit + 1],
  );
  return found.rows;
}

/** The record that a calculation makes, before it is kept. */
export function newRecord({ user_id, date, birth }: Calculation, { warnings, ...pillars }: Chart): SajuRecord {
  const { clock, longitude, day_boundary, fold, birth_hour, birth_minute } = birth;
  return {
    user_id,
    ...date,
    birth_hour,
    birth_minute,
    ...pillars,
    convention: JSON.stringify({ clock, longitude, day_boundary, fold }),
    interpretation: null,
    warnings,
  };
}

export async function keepRecord(pool: pg.Pool, record: SajuRecord): Promise<SajuRecord> {
  const { warnings, ...values } = record;
  const names = Object.keys(values);
  const kept = await pool.query<SajuRecord>(
    `insert into saju_records (${names.join(', ')}, created_at, updated_at)
     values (${names.map((_, place) => `$${place + 1}`).join(', ')}, now(), now()) returning ${columns}`,
    Object.values(values),
  );
  const [row] = kept.rows;
  if (row === undefined) throw new Error('an insert returned no row');
  return warnings === undefined ? row : { ...row, warnings };
}

export async function changeInterpretation(
  pool: pg.Pool,
  id: string,
  interpretation: string | null,
): Promise<SajuRecord | undefined> {
  const changed = await pool.query<SajuRecord>(
    `update saju_records set interpretation = $2, updated_at = now() where id = $1 returning ${columns}`,
    [id, interpretation],
  );
  return changed.rows[0];
}

export async function deleteRecord(pool: pg.Pool, id: string): Promise<boolean> {
  const deleted = await pool.query('delete from saju_records where id = $1', [id]);
  return deleted.rowCount === 1;
}

/** JSON of a record: the id is a number of sixty-four bits and the convention the table's own JSON, digit by digit. */
export function writeRecord(record: SajuRecord): string {
  const { id, convention, created_at, updated_at, ...rest } = record;
  const members = Object.entries({
    ...rest,
    birth_minute: rest.birth_minute ?? 0,
    is_leap_month: rest.is_leap_month ?? false,
    created_at: writeIsoTime(created_at),
    updated_at: writeIsoTime(updated_at),
  }).map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  return `{${[...(id === undefined ? [] : [`"id":${id}`]), `"convention":${convention ?? 'null'}`, ...members].join(',')}}`;
}
