import pg from 'pg';
import { expect, inject, test } from 'vitest';
import { isWithinYears1To9999, timestampText } from '../../src/postgres/timestamp-text.js';

test('timestamps and their years read as PostgreSQL writes them, from the first it has to the last', async () => {
  const client = new pg.Client({
    connectionString: inject('servers').cubeUrl,
    options: '-c TimeZone=UTC -c DateStyle=ISO',
  });
  await client.connect();
  try {
    const found = await client.query<{ text: string; bytes: Buffer; within: boolean }>(
      `select at::text as text, timestamptz_send(at) as bytes, at >= '0001-01-01' and at < '10000-01-01' as within
        from (select at
         from (values (timestamptz 'infinity'), ('-infinity'), ('4714-11-24 00:00:00+00 BC'), ('294276-12-31 23:59:59.999999+00'),
                      ('0001-01-01 00:00:00+00'), ('0001-12-31 23:59:59.999999+00 BC'), ('9999-12-31 23:59:59.999999+00'),
                      ('10000-01-01 00:00:00+00'), ('9999-12-31 23:59:59.999998+00'), ('0001-01-01 00:00:00.000001+00'), ('1999-12-31 23:59:59.999999+00'), ('2000-01-01 00:00:00+00'),
                      ('2000-02-29 00:00:00.1+00'), ('1900-02-28 12:00:00.00001+00'), ('0044-03-15 12:00:00+00 BC')) as given (at)
       union all
       select at
         from generate_series(timestamptz '4714-12-01 00:00:00+00 BC', '294276-01-01', interval '211 days 7:31:13.070701') as at
       union all
       select at
         from generate_series(timestamptz '1890-01-01', '2110-01-01', interval '5 days 23:59:59.9') as at) as all_of_them`,
    );
    expect(found.rows.length).toBeGreaterThan(100_000);
    const wrong = found.rows.filter(
      ({ text, bytes, within }) =>
        timestampText(bytes.readInt32BE(0), bytes.readUInt32BE(4)) !== text ||
        isWithinYears1To9999(bytes.readInt32BE(0), bytes.readUInt32BE(4)) !== within,
    );
    expect(wrong.slice(0, 3)).toEqual([]);
  } finally {
    await client.end();
  }
});
