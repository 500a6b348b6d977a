// Counts where the ways of making a chart differ, over the reference and in the minutes around terms; the counts of
// docs/saju-differences.md: node scripts/saju-differences.mjs (after a build).
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { calculateFourPillars } from 'manseryeok';
import { SolarDay, SolarTime } from 'tyme4ts';
import { chartOf } from '../dist/legacy/saju-service/chart.js';
import { calculateChart } from '../dist/src/domain/saju/four-pillars.js';

const rows = readTable('saju-reference.csv.gz').map(readRow);
const plain = rows.filter((row) => row.clock === 'wall' && row.day_boundary === 'split');

report('cube (manseryeok under the rules)', rows, (row) => pillarsOf(cube(row)));
report('legacy (tyme4ts under the rules)', rows, (row) => pillarsOf(legacy(row)));
report('manseryeok, one bare call', plain, bareManseryeok);
report('tyme4ts, one bare call', plain, bareTyme);

say(`cube and legacy, other pillars: ${rows.filter((row) => unlike(row, pillarsOf)).length} of ${rows.length}`);
say(`cube and legacy, other warnings: ${rows.filter((row) => unlike(row, warningsOf)).length} of ${rows.length}`);
const dates = [...new Map(plain.map((row) => [row.text.slice(0, 10), row])).values()];
say(`dates with another lunar date in tyme4ts: ${dates.filter(isOtherLunarDate).length} of ${dates.length}`);

const aroundTerms = readTable('solar-terms-kst.csv.gz').flatMap(birthsAroundTerm);
const split = aroundTerms.filter((row) => unlike(row, pillarsOf));
say(`births in the minutes around a 절, other pillars: ${split.length} of ${aroundTerms.length}`);
for (const { text } of split) say(`  ${text}`);

say(
  `births in the minutes around a 절, other warnings: ${aroundTerms.filter((row) => unlike(row, warningsOf)).length}`,
);

function report(name, rows, way) {
  const wrong = rows.map((row) => ({ row, fields: differing(row.pillars, way(row)) }));
  const reasons = new Map();
  for (const { row, fields } of wrong) {
    for (const reason of fields.map((field) => reasonOf(row, field)))
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  say(`${name}: ${wrong.filter(({ fields }) => fields.length > 0).length} of ${rows.length} rows differ`);
  for (const [reason, pillars] of reasons) say(`  ${reason}: ${pillars} pillars`);
}

/** What a bare call misses, by the pillar that it gives wrong. */
function reasonOf({ hour, offset }, field) {
  if (field === 'day' || field === 'hour')
    return hour === 23 ? `${field}: the day changes at 23:00` : `${field}: unknown`;
  return `${field}: read by another offset than ${(offset / 3600).toFixed(2)} h`;
}

function readTable(name) {
  return gunzipSync(readFileSync(new URL(`../test/data/${name}`, import.meta.url)))
    .toString('utf8')
    .trim()
    .split(/\r?\n/)
    .slice(1);
}

function readRow(text) {
  const [local, fold, offset, clock, day_boundary, ...rest] = text.split(',');
  const [year, month, day, hour, minute] = local.split(/[-T:]/).map(Number);
  const [name, longitude] = /^(lmt|true)(.*)$/.exec(clock)?.slice(1) ?? [clock, '126.978'];
  const lunar = rest.slice(4, 8).map(Number);
  return {
    ...{ text, year, month, day, hour, minute, fold: Number(fold), offset: Math.round(Number(offset) * 60), lunar },
    ...{ clock: name, longitude: Number(longitude), day_boundary, pillars: rest.slice(0, 4) },
  };
}

/** The last minute before a 절 and the first at it or after it, in UTC+9 by the clock std135, where that was the wall's. */
function birthsAroundTerm(line) {
  const [year, index, name, seconds] = line.split(',');
  if (Number(index) % 2 === 1 || Number(year) < 1962 || [1987, 1988].includes(Number(year))) return [];
  const after = Math.ceil(Number(seconds) / 60) * 60;
  return [after - 60, after].map((instant) => {
    const date = new Date((instant + 9 * 3600) * 1000);
    return {
      ...{ text: `${date.toISOString().slice(0, 16)} ${name} ${seconds}`, year: date.getUTCFullYear(), fold: 0 },
      ...{ month: date.getUTCMonth() + 1, day: date.getUTCDate(), hour: date.getUTCHours() },
      ...{ minute: date.getUTCMinutes(), clock: 'wall', longitude: 126.978, day_boundary: 'split' },
    };
  });
}

function cube({ year, month, day, hour, minute, clock, longitude, day_boundary, fold }) {
  const date = { year, month, day, is_solar: true, is_leap_month: false };
  const { pillars, warnings } = calculateChart({ ...date, hour, minute, clock, longitude, day_boundary, fold });
  return { ...pillars, warnings };
}

function legacy({ year, month, day, hour, minute, clock, longitude, day_boundary, fold }) {
  const epochDay = Date.UTC(year, month - 1, day) / 86_400_000;
  return chartOf({ epochDay, birth_hour: hour, birth_minute: minute, clock, longitude, day_boundary, fold });
}

function unlike(row, part) {
  return part(cube(row)).join() !== part(legacy(row)).join();
}

function pillarsOf({ year_pillar, month_pillar, day_pillar, hour_pillar }) {
  return [year_pillar, month_pillar, day_pillar, hour_pillar];
}

function warningsOf({ warnings }) {
  return warnings;
}

function bareManseryeok({ year, month, day, hour, minute }) {
  const found = calculateFourPillars({ year, month, day, hour, minute, dayBoundary: 'splitJasi' });
  return [found.yearString, found.monthString, found.dayString, found.hourString];
}

function bareTyme({ year, month, day, hour, minute }) {
  const found = SolarTime.fromYmdHms(year, month, day, hour, minute, 0).getSixtyCycleHour();
  return [found.getYear(), found.getMonth(), found.getDay(), found.getSixtyCycle()].map(
    (pillar) =>
      '갑을병정무기경신임계'[pillar.getHeavenStem().getIndex()] +
      '자축인묘진사오미신유술해'[pillar.getEarthBranch().getIndex()],
  );
}

function isOtherLunarDate({ year, month, day, lunar }) {
  const found = SolarDay.fromYmd(year, month, day).getLunarDay();
  const [lunarYear, lunarMonth, leap, lunarDay] = lunar;
  const expected = [lunarYear, leap === 1 ? -lunarMonth : lunarMonth, lunarDay];
  return [found.getYear(), found.getMonth(), found.getDay()].join() !== expected.join();
}

function differing(expected, found) {
  return ['year', 'month', 'day', 'hour'].filter((_, place) => expected[place] !== found[place]);
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
