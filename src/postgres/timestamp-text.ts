/**
 * A timestamptz as PostgreSQL writes it in UTC with ISO dates, from the two halves of its binary form: microseconds
 * from 2000-01-01, the greatest and the least of them meaning the infinities.
 */
export function timestampText(high: number, low: number): string {
  if (high === 0x7fffffff && low === 0xffffffff) return 'infinity';
  if (high === -0x80000000 && low === 0) return '-infinity';
  if (high >= minExact && high < maxExact) {
    const micros = high * 2 ** 32 + low;
    const day = Math.floor(micros / microsOfDay);
    return dateAndTime(day, micros - day * microsOfDay);
  }
  // Farther from 2000 than a double counts microseconds.
  const micros = BigInt(high) * 2n ** 32n + BigInt(low);
  const ofDay = BigInt.asIntN(64, ((micros % bigDay) + bigDay) % bigDay);
  return dateAndTime(Number((micros - ofDay) / bigDay), Number(ofDay));
}

/** Whether such a timestamp lies within the years 1 to 9999. */
export function isWithinYears1To9999(high: number, low: number): boolean {
  return (
    (high > firstHigh || (high === firstHigh && low >= firstLow)) &&
    (high < endHigh || (high === endHigh && low < endLow))
  );
}

/** 0001-01-01 and 10000-01-01 in microseconds from 2000-01-01, in halves. */
const firstOfYear1 = -63_082_281_600_000_000n;
const firstOfYear10000 = 252_455_616_000_000_000n;
const [firstHigh, firstLow] = halves(firstOfYear1);
const [endHigh, endLow] = halves(firstOfYear10000);

function halves(micros: bigint): readonly [high: number, low: number] {
  return [Number(micros >> 32n), Number(BigInt.asUintN(32, micros))];
}

const microsOfDay = 86_400_000_000;
const bigDay = BigInt(microsOfDay);
const maxExact = 2 ** 20;
const minExact = -maxExact;
/** Days from 0000-03-01 to 2000-01-01, both of the Gregorian calendar. */
const daysTo2000 = 730_425;

/** `day` counts from 2000-01-01. Rule: Howard Hinnant, civil_from_days. */
function dateAndTime(day: number, micros: number): string {
  const shifted = day + daysTo2000;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const dayOfMonth = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const seconds = Math.floor(micros / 1_000_000);
  const date = `${yearText(year)}-${two(month)}-${two(dayOfMonth)}`;
  const time = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return `${date} ${time}${fraction(micros % 1_000_000)}+00${year < 1 ? ' BC' : ''}`;
}

/** There is no year 0: the one before 1 is 1 BC. */
function yearText(year: number): string {
  const counted = year < 1 ? 1 - year : year;
  return counted > 999 ? String(counted) : String(counted).padStart(4, '0');
}

function fraction(micros: number): string {
  if (micros === 0) return '';
  const digits = `${threeDigits[Math.floor(micros / 1000)]}${threeDigits[micros % 1000]}`;
  return `.${micros % 10 === 0 ? digits.replace(/(?<!0)0+$/, '') : digits}`;
}

const twoDigits: readonly string[] = Array.from({ length: 100 }, (_, value) => String(value).padStart(2, '0'));
const threeDigits: readonly string[] = Array.from({ length: 1000 }, (_, value) => String(value).padStart(3, '0'));

function two(value: number): string {
  return twoDigits[value] ?? String(value);
}
