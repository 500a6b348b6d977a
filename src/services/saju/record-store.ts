import type pg from 'pg';
import type { LegacySajuRecord } from '../../domain/saju/convert-record.js';
import { atSide } from '../../postgres/databases.js';
import { forUser } from '../../postgres/users-statements.js';

/**
 * A record of the owner's table, with its column names: the id is a 64-bit integer, `convention` the unchanged JSON text, times
 * are as PostgreSQL writes them in UTC.
 */
export interface StoredSajuRecord extends LegacySajuRecord {
  readonly user_id: string;
}

/** The values of a record. */
export type SajuRecordValues = Omit<StoredSajuRecord, 'id' | 'created_at' | 'updated_at'>;

/**
 * The records of the owner, one statement for each method. Ids are texts that `isRecordId` accepts. Throws the failures of the
 * legacy database.
 */
export interface OwnerSajuRecords {
  find(id: string): Promise<StoredSajuRecord | undefined>;
  /** A user's records, the newest id first, those after `cursor`. */
  list(userId: string, max: number, cursor: string | undefined): Promise<readonly StoredSajuRecord[]>;
  /** The id comes from the owner's sequence, so that no other writer of the table gets it. */
  insert(values: SajuRecordValues): Promise<StoredSajuRecord>;
  changeInterpretation(id: string, interpretation: string | null): Promise<StoredSajuRecord | undefined>;
  /** Whether the record existed. */
  remove(id: string): Promise<boolean>;
  /** Inserts, changes and removes a record in a transaction that is rolled back: throws the failure that a user's write would get. */
  checkWrites(): Promise<void>;
}

const columns = `id::text, user_id, birth_year, birth_month, birth_day, birth_hour, birth_minute, is_solar, is_leap_month,
  year_pillar, month_pillar, day_pillar, hour_pillar, convention::text, interpretation, created_at::text, updated_at::text`;

const findText = `select ${columns} from public.saju_records where id = $1::bigint`;
const listText = `select ${columns} from public.saju_records
  where user_id = $1 and ($2::bigint is null or id < $2::bigint) order by id desc limit $3`;
const keepText = `insert into public.saju_records (user_id, birth_year, birth_month, birth_day, birth_hour, birth_minute,
    is_solar, is_leap_month, year_pillar, month_pillar, day_pillar, hour_pillar, convention, interpretation,
    created_at, updated_at)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, now(), now()) returning ${columns}`;
const changeText = `update public.saju_records set interpretation = $2, updated_at = now() where id = $1::bigint returning ${columns}`;
const removeText = 'delete from public.saju_records where id = $1::bigint';

/** The monolith's table: until a cutover it holds all records. */
export function legacySajuRecords(legacy: pg.Pool): OwnerSajuRecords {
  const query = (text: string, values: readonly unknown[]) =>
    forUser('legacy', () => legacy.query<StoredSajuRecord>(text, [...values]));
  return {
    find: async (id) => (await query(findText, [id])).rows[0],
    list: async (userId, max, cursor) => (await query(listText, [userId, cursor ?? null, max])).rows,
    insert: async (values) => {
      const [row] = (await query(keepText, columnValues(values))).rows;
      if (row === undefined) throw new Error('an insert returned no row');
      return row;
    },
    changeInterpretation: async (id, interpretation) => (await query(changeText, [id, interpretation])).rows[0],
    remove: async (id) => (await query(removeText, [id])).rowCount === 1,
    checkWrites: () => atSide('legacy', () => tryWrites(legacy)),
  };
}

async function tryWrites(legacy: pg.Pool): Promise<void> {
  const client = await legacy.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const kept = await client.query<{ id: string }>(keepText, [...columnValues(writeCheckValues)]);
    const id = kept.rows[0]?.id;
    await client.query(changeText, [id, null]);
    await client.query(removeText, [id]);
  } finally {
    // A connection that cannot roll back is closed, and the server rolls back.
    await client.query('rollback').catch((error: Error) => {
      broken = error;
    });
    client.release(broken);
  }
}

/** A plausible record; never committed. */
const writeCheckValues: SajuRecordValues = {
  user_id: 'cubeshift-write-check',
  birth_year: 1990,
  birth_month: 1,
  birth_day: 26,
  birth_hour: 14,
  birth_minute: 24,
  is_solar: true,
  is_leap_month: false,
  year_pillar: '기사',
  month_pillar: '정축',
  day_pillar: '신묘',
  hour_pillar: '을미',
  convention: null,
  interpretation: null,
};

function columnValues(values: SajuRecordValues): readonly unknown[] {
  return [
    values.user_id,
    values.birth_year,
    values.birth_month,
    values.birth_day,
    values.birth_hour,
    values.birth_minute,
    values.is_solar,
    values.is_leap_month,
    values.year_pillar,
    values.month_pillar,
    values.day_pillar,
    values.hour_pillar,
    values.convention,
    values.interpretation,
  ];
}
