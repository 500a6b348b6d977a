// Writes src/domain/saju/lunar-months.ts from the KASI table of lunar months: node scripts/lunar-months.mjs TABLE.csv.gz
import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const rows = gunzipSync(readFileSync(process.argv[2])).toString('utf8').trim().split(/\r?\n/).slice(1);
const months = rows.map((row) => {
  const [first, year, month, leap] = row.split(',');
  return {
    day: Date.parse(`${first}T00:00:00Z`) / 86_400_000,
    year: Number(year),
    month: Number(month),
    leap: leap === '1',
  };
});
// The table ends within 2050-11; that month's end is not in it, and 30 is what the rule outside the table allows.
const lengths = months.map(({ day }, place) => (months[place + 1]?.day ?? day + 30) - day);
const codes = months.map(({ leap }, place) => (lengths[place] === 30 ? (leap ? 'L' : 'l') : leap ? 'S' : 's')).join('');
const lines = codes.match(/.{1,100}/g).map((line) => `  '${line}'`);
writeFileSync(
  'src/domain/saju/lunar-months.ts',
  `/**
 * The lunar months of Korea as the Korea Astronomy and Space Science Institute (KASI) lists them, 1900 to 2050, made by
 * scripts/lunar-months.mjs. One letter a month: s 29 days, l 30 days; a capital is a leap month.
 */
export const firstLunarMonth = { year: ${months[0].year}, month: ${months[0].month}, epochDay: ${months[0].day} } as const;

export const lunarMonthCodes =
${lines.join(' +\n')};
`,
);
