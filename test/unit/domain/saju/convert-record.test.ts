import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type LegacySajuRecord,
  restoreSajuRecord,
  type SajuChartRow,
  type SajuRejectReason,
  sajuRejectReasons,
  transformSajuRecord,
} from '../../../../src/domain/saju/convert-record.js';
import { carriedRecords, cleanRecord, legacyRecords } from '../../../support/legacy-records.js';

function chartOf(record: LegacySajuRecord): SajuChartRow {
  const verdict = transformSajuRecord(record);
  if (verdict.kind === 'reject') throw new Error(`rejected: ${verdict.reason}: ${verdict.detail}`);
  return verdict.chart;
}

function outcomeOf(changes: Partial<LegacySajuRecord>): string {
  const verdict = transformSajuRecord({ ...cleanRecord, ...changes });
  return verdict.kind === 'chart' ? 'chart' : verdict.reason;
}

const solar = (year: number | null, month: number | null, day: number | null) =>
  ({ is_solar: true, birth_year: year, birth_month: month, birth_day: day }) as const;
const lunar = (year: number, month: number, day: number, leap: boolean | null = false) =>
  ({ is_solar: false, is_leap_month: leap, birth_year: year, birth_month: month, birth_day: day }) as const;

describe('a clean record', () => {
  test('becomes the chart that holds its values and nothing else', () => {
    expect(transformSajuRecord(cleanRecord)).toEqual({
      kind: 'chart',
      warnings: [],
      chart: {
        id: '42',
        user_id: 'user-1',
        birth_info: {
          year: 2000,
          month: 1,
          day: 1,
          hour: 12,
          minute: 30,
          solar_calendar: true,
          leap_month: false,
        },
        saju_chart: { year_pillar: '기묘', month_pillar: '병자', day_pillar: '무오', hour_pillar: '무오' },
        convention: '{"clock": "wall"}',
        interpretation: '대길',
        created_at: '2020-02-03 04:05:06.789+00',
        updated_at: '2021-02-03 04:05:06.789+00',
      },
    });
  });
});

describe('the table of rejects', () => {
  const rows: readonly (readonly [SajuRejectReason, string, Partial<LegacySajuRecord>])[] = [
    ['user_id_empty', 'no user', { user_id: null }],
    ['user_id_empty', 'no characters', { user_id: '' }],
    ['user_id_empty', 'a space', { user_id: ' ' }],
    ['user_id_empty', 'every kind of line end', { user_id: '\t\n\u000b\f\r\u0085\u2028\u2029' }],
    ['user_id_empty', '100,000 spaces', { user_id: ' '.repeat(100_000) }],
    ['calendar_missing', 'is_solar is null', { is_solar: null }],
    ['date_invalid', 'year is null', solar(null, 1, 1)],
    ['date_invalid', 'month is null', solar(2000, null, 1)],
    ['date_invalid', 'day is null', solar(2000, 1, null)],
    ['date_invalid', 'year 0', solar(0, 1, 1)],
    ['date_invalid', 'year -1', solar(-1, 1, 1)],
    ['date_invalid', 'year 10000', solar(10_000, 1, 1)],
    ['date_invalid', 'month 0', solar(2000, 0, 1)],
    ['date_invalid', 'month 13', solar(2000, 13, 1)],
    ['date_invalid', 'day 0', solar(2000, 1, 0)],
    ['date_invalid', 'day 32', solar(2000, 1, 32)],
    ['date_invalid', '30 February of a leap year', solar(2000, 2, 30)],
    ['date_invalid', '29 February 1900', solar(1900, 2, 29)],
    ['date_invalid', '31 June', solar(2000, 6, 31)],
    ['date_invalid', 'lunar day 0', lunar(2000, 1, 0)],
    ['date_invalid', 'lunar day 31', lunar(2000, 1, 31)],
    ['date_invalid', 'lunar day 31 before the table', lunar(1850, 1, 31)],
    ['date_invalid', 'lunar day 31 after the table', lunar(2070, 1, 31)],
    ['date_invalid', 'lunar month 13', lunar(2000, 13, 1)],
    ['date_invalid', 'lunar year 0', lunar(0, 1, 1)],
    ['date_invalid', 'lunar year 10000', lunar(10_000, 1, 1)],
    ['date_invalid', 'day 30 of a lunar month of 29', lunar(2024, 1, 30)],
    ['date_invalid', 'a lunar leap month that is not one', lunar(2012, 4, 1, true)],
    ['hour_invalid', 'hour -1', { birth_hour: -1 }],
    ['hour_invalid', 'hour 24', { birth_hour: 24 }],
    ['hour_invalid', 'minute -1', { birth_minute: -1 }],
    ['hour_invalid', 'minute 60', { birth_minute: 60 }],
    ['hour_invalid', 'minute 60 without an hour', { birth_hour: null, hour_pillar: null, birth_minute: 60 }],
    ['pillar_invalid', 'no year pillar', { year_pillar: null }],
    ['pillar_invalid', 'no month pillar', { month_pillar: null }],
    ['pillar_invalid', 'no day pillar', { day_pillar: null }],
    ['pillar_invalid', 'year pillar not of the sixty', { year_pillar: '갑축' }],
    ['pillar_invalid', 'month pillar not of the sixty', { month_pillar: '을자' }],
    ['pillar_invalid', 'day pillar not of the sixty', { day_pillar: '' }],
    ['pillar_invalid', 'year pillar decomposed', { year_pillar: '갑자'.normalize('NFD') }],
    ['pillar_invalid', 'hour pillar not of the sixty', { hour_pillar: '갑자 ' }],
    ['pillar_invalid', 'empty hour pillar', { hour_pillar: '' }],
    ['pillar_invalid', 'hour pillar without an hour', { birth_hour: null }],
    ['timestamp_invalid', 'created_at is null', { created_at: null }],
    ['timestamp_invalid', 'created_at is infinity', { created_at: 'infinity' }],
    ['timestamp_invalid', 'created_at is -infinity', { created_at: '-infinity' }],
    ['timestamp_invalid', 'created_at in year 10000', { created_at: '10000-01-01 00:00:00+00' }],
    ['timestamp_invalid', 'created_at not as PostgreSQL writes it', { created_at: '2020-01-01T00:00:00Z' }],
    ['timestamp_invalid', 'created_at in 1 BC', { created_at: '0001-12-31 23:59:59.999999+00 BC' }],
    ['timestamp_invalid', 'updated_at is infinity', { updated_at: 'infinity' }],
    ['timestamp_invalid', 'updated_at is -infinity', { updated_at: '-infinity' }],
    ['timestamp_invalid', 'updated_at in year 294276', { updated_at: '294276-12-31 23:59:59+00' }],
    ['timestamp_invalid', 'updated_at in 4714 BC', { updated_at: '4714-11-24 00:00:00+00 BC' }],
  ];

  test.each(rows)('%s: %s', (reason, _name, changes) => {
    expect(outcomeOf(changes)).toBe(reason);
  });

  test('has a row here for every reason', () => {
    expect(new Set(rows.map(([reason]) => reason))).toEqual(new Set(sajuRejectReasons));
  });

  test('is checked from the top: of two reasons the first is reported', () => {
    const first = new Map<SajuRejectReason, Partial<LegacySajuRecord>>();
    for (const [reason, , changes] of rows) if (!first.has(reason)) first.set(reason, changes);
    const spoilt = [...sajuRejectReasons].reverse();
    let changes: Partial<LegacySajuRecord> = {};
    for (const reason of spoilt) {
      changes = { ...changes, ...first.get(reason) };
      // A date that is no more solar or lunar is a missing calendar first.
      if (reason === 'date_invalid') expect(outcomeOf({ ...changes, birth_year: null })).toBe(reason);
      else expect(outcomeOf(changes)).toBe(reason);
    }
  });

  test('takes every character that Unicode calls white space for one, and no other', () => {
    const whiteSpace = [];
    for (let point = 0; point <= 0x10ffff; point++)
      if (outcomeOf({ user_id: String.fromCodePoint(point) }) === 'user_id_empty') whiteSpace.push(point);
    // Rule: PropList.txt of the Unicode Character Database, White_Space.
    expect(whiteSpace).toEqual([
      0x9, 0xa, 0xb, 0xc, 0xd, 0x20, 0x85, 0xa0, 0x1680, 0x2000, 0x2001, 0x2002, 0x2003, 0x2004, 0x2005, 0x2006, 0x2007,
      0x2008, 0x2009, 0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000,
    ]);
  });

  test('names the field and never its value', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 4, unit: 'grapheme' }), (value) => {
        for (const field of ['year_pillar', 'month_pillar', 'day_pillar', 'hour_pillar', 'created_at'] as const) {
          const verdict = transformSajuRecord({ ...cleanRecord, [field]: `${value}!` });
          if (verdict.kind !== 'reject') throw new Error(`${field} was carried`);
          expect(verdict.detail).toContain(field);
          expect(verdict.detail).not.toContain(`${value}!`);
        }
      }),
    );
  });

  test.each([
    ['birth_hour', { birth_hour: 24 }],
    ['birth_minute', { birth_minute: 60 }],
    ['created_at is null', { created_at: null }],
    ['created_at is out of range', { created_at: 'infinity' }],
    ['updated_at', { updated_at: 'infinity' }],
    ['is_solar', { is_solar: null }],
    ['user_id', { user_id: '' }],
    ['hour_pillar', { birth_hour: null }],
    ['solar date', { birth_day: 32 }],
    ['lunar date', { is_solar: false, birth_day: 31 }],
    ['birth_year, birth_month or birth_day is null', { birth_year: null }],
    ['birth_year, birth_month or birth_day is null', { birth_month: null }],
    ['birth_year, birth_month or birth_day is null', { birth_day: null }],
  ] satisfies [string, Partial<LegacySajuRecord>][])('names %s in its detail', (name, changes) => {
    expect(transformSajuRecord({ ...cleanRecord, ...changes })).toMatchObject({
      kind: 'reject',
      detail: expect.stringContaining(name),
    });
  });
});

describe('what is carried all the same', () => {
  test.each([
    ['the first day there is', solar(1, 1, 1)],
    ['the last day there is', solar(9999, 12, 31)],
    ['29 February', solar(2000, 2, 29)],
    ['30 February, lunar', lunar(1985, 2, 30)],
    ['a lunar leap month', lunar(2012, 3, 1, true)],
    ['a lunar date before the table', lunar(1850, 6, 30, true)],
    ['a lunar date after the table', lunar(2070, 6, 30)],
    ['a lunar date without a leap flag', lunar(2012, 4, 1, null)],
    ['hour 0', { birth_hour: 0 }],
    ['hour 23', { birth_hour: 23 }],
    ['minute 0', { birth_minute: 0 }],
    ['minute 59', { birth_minute: 59 }],
    ['no hour', { birth_hour: null, hour_pillar: null }],
    ['an hour without its pillar', { hour_pillar: null }],
    ['zero-width user id', { user_id: '\u200b' }],
    ['byte order mark as user id', { user_id: '\ufeff' }],
    ['one letter among white space', { user_id: '\u3000\n a \u0085' }],
    ['the first instant there is', { created_at: '0001-01-01 00:00:00+00' }],
    ['the last instant there is', { created_at: '9999-12-31 23:59:59.999999+00' }],
    ['never updated', { updated_at: null }],
    ['a hundred thousand characters', { interpretation: '가'.repeat(100_000) }],
    ['no convention', { convention: null }],
    ['convention that is JSON null', { convention: 'null' }],
  ] satisfies [string, Partial<LegacySajuRecord>][])('%s', (_name, changes) => {
    const record = { ...cleanRecord, ...changes };
    expect(restoreSajuRecord(chartOf(record))).toEqual({ ...record, is_leap_month: record.is_leap_month ?? false });
  });

  test('a null minute is 0 and a null leap flag is false', () => {
    const { birth_info } = chartOf({ ...cleanRecord, birth_minute: null, is_leap_month: null });
    expect(birth_info).toMatchObject({ minute: 0, leap_month: false });
  });

  test('pillars that do not fit their date, with a warning', () => {
    const verdict = transformSajuRecord({ ...cleanRecord, day_pillar: '갑자' });
    expect(verdict).toMatchObject({ kind: 'chart', warnings: ['pillars_do_not_fit'] });
  });
});

describe('any record', () => {
  test('gives a chart or a reject, and never an exception', () => {
    const kinds = new Set<string>();
    fc.assert(
      fc.property(legacyRecords, (record) => {
        const verdict = transformSajuRecord(record);
        kinds.add(verdict.kind);
        if (verdict.kind === 'reject') {
          expect(sajuRejectReasons).toContain(verdict.reason);
          expect(verdict.detail).not.toBe('');
        } else {
          expect(restoreSajuRecord(verdict.chart)).toEqual({
            ...record,
            birth_minute: record.birth_minute ?? 0,
            is_leap_month: record.is_leap_month ?? false,
          });
        }
      }),
      { numRuns: 20_000 },
    );
    expect(kinds).toEqual(new Set(['chart', 'reject']));
  });

  test('that is carried comes back whole', () => {
    fc.assert(
      fc.property(carriedRecords, (record) => {
        expect(restoreSajuRecord(chartOf(record))).toEqual({
          ...record,
          birth_minute: record.birth_minute ?? 0,
          is_leap_month: record.is_leap_month ?? false,
        });
      }),
      { numRuns: 2000 },
    );
  });

  test('judged twice is judged alike, and is left as it was', () => {
    fc.assert(
      fc.property(legacyRecords, (record) => {
        const before = { ...record };
        expect(transformSajuRecord(Object.freeze(record))).toEqual(transformSajuRecord(before));
        expect(record).toEqual(before);
      }),
    );
  });
});

describe('a change of one value', () => {
  const changes: { readonly [Field in keyof LegacySajuRecord]: LegacySajuRecord[Field] } = {
    id: '43',
    user_id: 'user-1 ',
    birth_year: 2001,
    birth_month: 2,
    birth_day: 2,
    birth_hour: 13,
    birth_minute: 31,
    is_solar: false,
    is_leap_month: true,
    year_pillar: '갑자',
    month_pillar: '갑자',
    day_pillar: '갑자',
    hour_pillar: '갑자',
    convention: '{"clock":"wall"}',
    interpretation: '대길'.normalize('NFD'),
    created_at: '2020-02-03 04:05:06.789001+00',
    updated_at: null,
  };

  test.each(Object.keys(changes) as (keyof LegacySajuRecord)[])('of %s is another chart', (field) => {
    expect(chartOf({ ...cleanRecord, [field]: changes[field] })).not.toEqual(chartOf(cleanRecord));
  });

  test.each(leavesOf(chartOf(cleanRecord)))('of %s in a chart is another legacy record', (path) => {
    const chart = chartOf(cleanRecord);
    expect(restoreSajuRecord(changedAt(chart, path.split('.')) as SajuChartRow)).not.toEqual(restoreSajuRecord(chart));
  });

  test('moves one value of the chart and no other', () => {
    fc.assert(
      fc.property(
        carriedRecords,
        fc.constantFrom('convention', 'interpretation', 'year_pillar', 'month_pillar', 'day_pillar', 'updated_at'),
        (record, field) => {
          const [before, after] = [chartOf(record), chartOf({ ...record, [field]: changes[field as 'day_pillar'] })];
          const moved = leavesOf(before).filter((path) => valueAt(before, path) !== valueAt(after, path));
          expect(moved.length).toBeLessThanOrEqual(1);
          for (const path of moved) expect(path.endsWith(field)).toBe(true);
        },
      ),
    );
  });
});

/** The paths of all values inside a chart, as birth_info.day. */
function leavesOf(value: object, before = ''): string[] {
  return Object.entries(value).flatMap(([name, inner]) =>
    typeof inner === 'object' && inner !== null ? leavesOf(inner, `${before}${name}.`) : [`${before}${name}`],
  );
}

function valueAt(value: object, path: string): unknown {
  return path.split('.').reduce<unknown>((inner, name) => (inner as Record<string, unknown>)[name], value);
}

function changedAt(value: unknown, [name, ...rest]: readonly string[]): unknown {
  if (name === undefined)
    return typeof value === 'boolean' ? !value : typeof value === 'number' ? value + 1 : `${value}x`;
  const parts = value as Record<string, unknown>;
  return { ...parts, [name]: changedAt(parts[name], rest) };
}
