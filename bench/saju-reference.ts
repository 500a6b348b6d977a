import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { packageRoot } from '../src/base/package-root.js';
import type { Birth } from '../src/domain/saju/birth.js';
import { calculateChart } from '../src/domain/saju/four-pillars.js';

/** One row of the reference: an instant as Seoul's clocks showed it, a convention, and the pillars that are right. */
export interface ReferenceRow {
  readonly text: string;
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly fold: 0 | 1;
  readonly offsetSeconds: number;
  readonly clock: 'wall' | 'std135' | 'lmt' | 'true';
  readonly longitude: number;
  readonly day_boundary: 'split' | '23h' | 'midnight';
  readonly pillars: string;
  readonly lunar: { readonly year: number; readonly month: number; readonly leap: boolean; readonly day: number };
  readonly category: string;
}

export function readReference(): readonly ReferenceRow[] {
  return readTable('saju-reference.csv.gz').map(parseRow);
}

/** The rows of a table in test/data, without its head. */
export function readTable(name: string): readonly string[] {
  const table = gunzipSync(readFileSync(join(packageRoot(), 'test', 'data', name))).toString('utf8');
  return table.trim().split(/\r?\n/).slice(1);
}

/** The four pillars of a birth as the reference writes them. */
export function pillarsOf(birth: Birth): string {
  const found = calculateChart(birth);
  if (found.kind !== 'chart') throw new Error(`${found.field}: ${found.detail}`);
  const { year_pillar, month_pillar, day_pillar, hour_pillar } = found.pillars;
  return `${year_pillar} ${month_pillar} ${day_pillar} ${hour_pillar ?? ''}`;
}

function parseRow(text: string): ReferenceRow {
  const [local = '', fold, offset, clock = '', boundary, ...rest] = text.split(',');
  const [year = '', month = '', day = '', hour = '', minute = ''] = local.split(/[-T:]/);
  const [yearPillar, monthPillar, dayPillar, hourPillar, lunarYear, lunarMonth, lunarLeap, lunarDay, category] = rest;
  const longitude = /[\d.]+$/.exec(clock)?.[0];
  const name = clock.startsWith('lmt') ? 'lmt' : clock.startsWith('true') ? 'true' : clock;
  return {
    text,
    year: Number(year),
    month: Number(month),
    day: Number(day),
    hour: Number(hour),
    minute: Number(minute),
    fold: fold === '1' ? 1 : 0,
    offsetSeconds: Math.round(Number(offset) * 60),
    clock: name as ReferenceRow['clock'],
    longitude: name === 'lmt' || name === 'true' ? Number(longitude) : 126.978,
    day_boundary: boundary as ReferenceRow['day_boundary'],
    pillars: [yearPillar, monthPillar, dayPillar, hourPillar].join(' '),
    lunar: {
      year: Number(lunarYear),
      month: Number(lunarMonth),
      leap: lunarLeap === '1',
      day: Number(lunarDay),
    },
    category: category ?? '',
  };
}
