import { calculateFourPillars } from 'manseryeok';
import { describe, expect, test } from 'vitest';
import { Almanac } from '../../../legacy/almanac.js';
import { harmlessVariants, rejectVariants } from '../../../legacy/dirt.js';
import { type GeneratedRow, generateSajuRows } from '../../../legacy/generator.js';
import { type SajuRow, sajuColumns } from '../../../legacy/saju-row.js';
import {
  type LegacySajuRecord,
  sajuRejectReasons,
  transformSajuRecord,
} from '../../../src/domain/saju/convert-record.js';

const rows = [...generateSajuRows({ records: 20_000, seed: 7 })];
const clean = rows.filter(({ variant }) => variant === undefined);

const verdictOn = ({ row }: GeneratedRow) => transformSajuRecord({ ...row, id: row.id.toString() } as LegacySajuRecord);

function textOf(generated: readonly GeneratedRow[]): string {
  return generated
    .map(
      ({ row, expected }) => `${sajuColumns.map((column) => String(row[column])).join()} ${JSON.stringify(expected)}`,
    )
    .join('\n');
}

describe('the rows of a seed', () => {
  test('are the same every time, and the beginning of any larger number of them', () => {
    const again = [...generateSajuRows({ records: 20_000, seed: 7 })];
    expect(textOf(again)).toBe(textOf(rows));
    expect(textOf([...generateSajuRows({ records: 1000, seed: 7 })])).toBe(textOf(rows.slice(0, 1000)));
  });

  test('are others than those of another seed', () => {
    expect(textOf([...generateSajuRows({ records: 100, seed: 8 })])).not.toBe(textOf(rows.slice(0, 100)));
  });

  test('have rising ids with holes', () => {
    const steps = rows.slice(1).map(({ row }, place) => row.id - (rows[place]?.row.id ?? 0n));
    expect(steps.every((step) => step > 0n)).toBe(true);
    expect(steps.filter((step) => step > 1n).length).toBeGreaterThan(rows.length / 50);
  });
});

describe('among the first ten thousand rows', () => {
  const found = new Set(rows.slice(0, 10_000).map(({ variant }) => variant));

  test.each(rejectVariants.map(({ reason, name }) => `${reason}: ${name}`))('there is one wrong by %s', (variant) => {
    expect(found.has(variant)).toBe(true);
  });

  test.each(harmlessVariants.map(({ name }) => name))('there is one odd by %s', (variant) => {
    expect(found.has(variant)).toBe(true);
  });

  test('there is one for every reason that the contract gives', () => {
    expect(new Set(rejectVariants.map(({ reason }) => reason))).toEqual(new Set(sajuRejectReasons));
  });
});

describe('the answer foretold', () => {
  test('is what the transform says, of every row', () => {
    for (const generated of rows) {
      const verdict = verdictOn(generated);
      const answer = verdict.kind === 'reject' ? { kind: 'rejected', reason: verdict.reason } : { kind: 'carried' };
      if (JSON.stringify(answer) !== JSON.stringify(generated.expected)) {
        throw new Error(`${generated.row.id}, ${generated.variant}: ${JSON.stringify(answer)}`);
      }
    }
  });

  test('is one reject in a hundred rows', () => {
    expect(rows.filter(({ expected }) => expected.kind === 'rejected')).toHaveLength(200);
  });
});

describe('the pillars', () => {
  const almanac = new Almanac();
  const solarOf = ({ birth_year, birth_month, birth_day, is_solar, is_leap_month }: SajuRow) => {
    const date = { year: birth_year ?? 0, month: birth_month ?? 0, day: birth_day ?? 0 };
    return is_solar ? date : almanac.solarOf(date, is_leap_month ?? false);
  };

  test('of clean rows are those of the calendar library, called for each birth anew', () => {
    for (const { row } of clean.filter((_, place) => place % 10 === 0)) {
      const solar = solarOf(row);
      if (solar === undefined || row.birth_hour === null) throw new Error(`no date: ${row.id}`);
      const { year, month, day } = solar;
      // A day has the year and month that it has at noon, the few days with a solar term among them.
      const noon = calculateFourPillars({ year, month, day, hour: 12, minute: 0, dayBoundary: 'splitJasi' });
      const birth = calculateFourPillars({
        year,
        month,
        day,
        hour: row.birth_hour,
        minute: 0,
        dayBoundary: 'splitJasi',
      });
      expect([row.id, row.year_pillar, row.month_pillar, row.day_pillar, row.hour_pillar]).toEqual([
        row.id,
        noon.yearString,
        noon.monthString,
        noon.dayString,
        birth.hourString,
      ]);
    }
  });

  test('of clean rows fit their dates by the engine’s own rule, lunar ones too', () => {
    const warned = clean.filter((generated) => {
      const verdict = verdictOn(generated);
      return verdict.kind === 'chart' && verdict.warnings.length > 0;
    });
    expect(warned.map(({ row }) => row.id)).toEqual([]);
    expect(clean.filter(({ row }) => row.is_solar === false).length).toBeGreaterThan(clean.length / 6);
  });

  test('of another date are warned of', () => {
    for (const generated of rows.filter(({ variant }) => variant === 'pillars of another date'))
      expect(verdictOn(generated)).toMatchObject({ kind: 'chart', warnings: ['pillars_do_not_fit'] });
  });
});
