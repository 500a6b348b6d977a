import { text as wholeText } from 'node:stream/consumers';
import pg from 'pg';
import { to as copyTo } from 'pg-copy-streams';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LegacySajuRecord } from '../../src/domain/saju/convert-record.js';
import { sajuRecordsMapping as mapping } from '../../src/kinds/saju-records/mapping.js';
import { copyStream, sentRecord } from '../support/copy-rows.js';
import { createDatabases, type TestDatabases } from '../support/databases.js';
import { expectTargetEqualsSource } from '../support/equality.js';
import { cleanRecord } from '../support/legacy-records.js';
import { RowsRun } from '../support/rows-run.js';

const megabyte = 1024 * 1024;
const columns = mapping.source.columns.map(({ name }) => name).join(', ');

/** In the order of their ids. */
const carried: readonly LegacySajuRecord[] = [
  { id: '-9223372036854775807', interpretation: null, convention: null, updated_at: null, birth_minute: null },
  { id: '-1', interpretation: '', convention: '""', user_id: ' \u00a0a' },
  { id: '0', interpretation: '가🔮\u0001\uffff'.repeat(megabyte / 8), convention: 'null', is_leap_month: null },
  { id: '1', convention: `"${'길'.repeat(megabyte / 3)}"`, birth_hour: null, hour_pillar: null },
  { id: '2', convention: '[1, -0.50, 12345678901234567890123, "\\u0001\\"\\\\", {}, true]' },
  { id: '3', created_at: '0001-01-01 00:00:00+00', updated_at: '9999-12-31 23:59:59.999999+00' },
  { id: '4', user_id: 'u'.repeat(2000), interpretation: '\\N\t\r\n\\.', created_at: '1999-12-31 23:59:59.9+00' },
  { id: '9223372036854775807', created_at: '1900-02-28 12:00:00.00001+00' },
].map((changes) => ({ ...cleanRecord, ...changes }));
const rejected: readonly LegacySajuRecord[] = [
  { id: '9223372036854775800', created_at: 'infinity', updated_at: '-infinity' },
  { id: '9223372036854775801', created_at: '4714-11-24 00:00:00+00 BC', updated_at: '294276-12-31 23:59:59.999999+00' },
  {
    id: '9223372036854775802',
    birth_year: -2_147_483_648,
    birth_day: 2_147_483_647,
    interpretation: '명'.repeat(500_000),
  },
  { id: '9223372036854775803', is_solar: null, year_pillar: '', day_pillar: '\\', convention: '{"a": [null, -1.50]}' },
].map((changes) => ({ ...cleanRecord, ...changes }));
const records = [...carried.slice(0, -1), ...rejected, ...carried.slice(-1)];

let databases: TestDatabases;

beforeAll(async () => {
  databases = await createDatabases(0);
  const places = mapping.source.columns.map((_, place) => `$${place + 1}`).join(', ');
  for (const record of records) {
    const values = mapping.source.columns.map(({ name }) => record[name as keyof LegacySajuRecord]);
    await databases.legacy.query(`insert into saju_records (${columns}) values (${places})`, values);
  }
});
afterAll(() => databases.drop());

test('the tests write rows to the byte as PostgreSQL sends them', async () => {
  const client = new pg.Client({ connectionString: databases.legacyUrl });
  await client.connect();
  try {
    const stream = client.query(
      copyTo(`copy (select ${columns} from saju_records order by id) to stdout (format binary)`),
    );
    const sent = await wholeText(stream.setEncoding('latin1'));
    expect(Buffer.from(sent, 'latin1').equals(copyStream(...records.map(sentRecord)))).toBe(true);
  } finally {
    await client.end();
  }
});

test('values at both ends of their types and texts of a megabyte arrive as they were, or are in their payload', async () => {
  const run = await RowsRun.open(databases, 'binary-rows');
  try {
    expect(await run.copy()).toEqual({ migrated: carried.length, rejected: rejected.length });
    await expectTargetEqualsSource({ ...databases, rejected: new Map(rejected.map(({ id }) => [id, ''])) });
    const kept = await databases.cube.query<{ payload: string }>(
      'select payload::text as payload from ledger.rejects order by source_id',
    );
    expect(kept.rows.map(({ payload }) => JSON.parse(payload) as unknown)).toEqual(rejected);
    expect(await run.verify()).toMatchObject({ clean: true, compared: carried.length, rejected: rejected.length });
  } finally {
    await run.close();
  }
});
