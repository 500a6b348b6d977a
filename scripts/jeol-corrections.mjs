// Writes src/domain/saju/jeol-corrections.ts from a table of solar terms: node scripts/jeol-corrections.mjs TABLE.csv.gz
import { readFileSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { getSolarTerm } from 'manseryeok';

const rows = gunzipSync(readFileSync(process.argv[2])).toString('utf8').trim().split(/\r?\n/).slice(1);
const terms = rows
  .map((row) => row.split(','))
  .map(([year, index, , seconds]) => ({ year: Number(year), index: Number(index), seconds: Number(seconds) }))
  .filter(({ index }) => index % 2 === 0);
// Rounded up: births are given to the minute, and one at the rounded instant is at the term or after it.
const corrections = terms.map(({ year, index, seconds }) =>
  Math.ceil(seconds - getSolarTerm(year, index).date.getTime() / 1000),
);
const most = Math.max(...corrections.map(Math.abs));
if (most > 35 || terms.some(({ year, index }, place) => (year - terms[0].year) * 12 + index / 2 !== place))
  throw new Error(`not a table of whole years near the library's: ${most} s off`);
const codes = corrections.map((correction) => (correction + 36).toString(36).padStart(2, '0')).join('');
const lines = codes.match(/.{1,96}/g).map((line) => `  '${line}'`);
writeFileSync(
  'src/domain/saju/jeol-corrections.ts',
  `/**
 * By how many seconds the twelve 절 of each year come after the minute that manseryeok 2.0.0 gives them, made by
 * scripts/jeol-corrections.mjs from a table computed with JPL DE421. Two letters a term: base 36, \`10\` is no difference;
 * 소한 of the first year first.
 */
export const jeolCorrectionYears = { first: ${terms[0].year}, last: ${terms.at(-1).year} } as const;

export const jeolCorrectionCodes =
${lines.join(' +\n')};
`,
);
process.stdout.write(`${corrections.length} terms, at most ${most} s off the library's\n`);
