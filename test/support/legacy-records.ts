import fc from 'fast-check';
import type { LegacySajuRecord } from '../../src/domain/saju/convert-record.js';
import { sixtyPillars } from '../../src/domain/saju/sexagenary.js';
import { timestampMicros, timestampOfMicros } from './copy-rows.js';

/** A record with nothing odd about it: 2000-01-01 is a 무오 day of the year 기묘. */
export const cleanRecord: LegacySajuRecord = {
  id: '42',
  user_id: 'user-1',
  birth_year: 2000,
  birth_month: 1,
  birth_day: 1,
  birth_hour: 12,
  birth_minute: 30,
  is_solar: true,
  is_leap_month: false,
  year_pillar: '기묘',
  month_pillar: '병자',
  day_pillar: '무오',
  hour_pillar: '무오',
  convention: '{"clock": "wall"}',
  interpretation: '대길',
  created_at: '2020-02-03 04:05:06.789+00',
  updated_at: '2021-02-03 04:05:06.789+00',
};

const wildTexts = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  // Any UTF-16, lone surrogates included: more than a database can hold.
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
  fc.constantFrom(
    '',
    ' ',
    '\u0000',
    '\u0085',
    '\u00a0',
    '\u200b',
    '\u3000',
    '\ufeff',
    '\\N',
    '\\.',
    '\\u0000',
    '\t\r\n',
  ),
);
const extremes = fc.constantFrom(-2_147_483_648, -1, 0, 1, 2_147_483_647);
const timestamps = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('2020-01-01 00:00:00+00', '0001-01-01 00:00:00+00', '9999-12-31 23:59:59.999999+00'),
  },
  fc.constantFrom(
    'infinity',
    '-infinity',
    '10000-01-01 00:00:00+00',
    '0044-03-15 12:00:00+00 BC',
    '294276-12-31 23:59:59+00',
  ),
);

function whole(usual: { min: number; max: number }): fc.Arbitrary<number | null> {
  return fc.option(fc.oneof({ weight: 12, arbitrary: fc.integer(usual) }, extremes, fc.integer()), { freq: 20 });
}

function recordsOf(texts: fc.Arbitrary<string>, times: fc.Arbitrary<string>): fc.Arbitrary<LegacySajuRecord> {
  const pillars = fc.option(fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...sixtyPillars) }, texts), { freq: 12 });
  return fc.record({
    id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
    user_id: fc.option(texts, { freq: 20 }),
    birth_year: whole({ min: 1895, max: 2055 }),
    birth_month: whole({ min: 1, max: 12 }),
    birth_day: whole({ min: 1, max: 30 }),
    birth_hour: whole({ min: 0, max: 23 }),
    birth_minute: whole({ min: 0, max: 59 }),
    is_solar: fc.option(fc.boolean(), { freq: 20 }),
    is_leap_month: fc.option(fc.boolean()),
    year_pillar: pillars,
    month_pillar: pillars,
    day_pillar: pillars,
    hour_pillar: pillars,
    convention: fc.option(texts),
    interpretation: fc.option(texts),
    created_at: fc.option(times, { freq: 20 }),
    updated_at: fc.option(times),
  });
}

/** Records as far from clean as the columns' types let them be, and near enough that many of them can be carried. */
export const legacyRecords = recordsOf(wildTexts, fc.oneof({ weight: 11, arbitrary: timestamps }, wildTexts));

/** As far from clean as bytes can say it: texts that UTF-8 can hold, and any moment that PostgreSQL knows. */
export const sentRecords = recordsOf(
  wildTexts.map((text) => Buffer.from(text).toString()),
  fc.oneof({ weight: 11, arbitrary: timestamps }, fc.bigInt(timestampMicros).map(timestampOfMicros)),
);

/** Records that the contract says are carried, with every text as wild as a database can hold it. */
export const carriedRecords: fc.Arbitrary<LegacySajuRecord> = fc
  .record({
    id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
    user_id: fc.string({ unit: 'binary' }).map((text) => `${text}a`),
    birth_year: fc.integer({ min: 1, max: 9999 }),
    birth_month: fc.integer({ min: 1, max: 12 }),
    birth_day: fc.integer({ min: 1, max: 28 }),
    birth_hour: fc.option(fc.integer({ min: 0, max: 23 })),
    birth_minute: fc.option(fc.integer({ min: 0, max: 59 })),
    is_solar: fc.boolean(),
    is_leap_month: fc.option(fc.boolean()),
    year_pillar: fc.constantFrom(...sixtyPillars),
    month_pillar: fc.constantFrom(...sixtyPillars),
    day_pillar: fc.constantFrom(...sixtyPillars),
    hour_pillar: fc.option(fc.constantFrom(...sixtyPillars)),
    convention: fc.option(fc.json()),
    interpretation: fc.option(fc.string({ unit: 'binary' })),
    created_at: fc.constantFrom('2020-01-01 00:00:00+00', '0001-01-01 00:00:00+00', '9999-12-31 23:59:59.999999+00'),
    updated_at: fc.option(fc.constantFrom('2020-01-01 00:00:00.000001+00', '2021-06-07 08:09:10+00')),
  })
  .map((record) => ({
    ...record,
    // Few lunar years have the leap month that comes out of the dice.
    is_leap_month: record.is_solar ? record.is_leap_month : false,
    hour_pillar: record.birth_hour === null ? null : record.hour_pillar,
  }));
