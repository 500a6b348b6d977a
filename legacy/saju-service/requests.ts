import calendarModule from 'korean-lunar-calendar';
import { Fields, isStorable, oneOf, unstorable, within } from '../body-fields.js';
import { impossible, malformed } from '../problem.js';
import type { Birth } from './chart.js';

const KoreanLunarCalendar = 'default' in calendarModule ? calendarModule.default : calendarModule;

/** A request of `POST /calculate`, checked; what it says of the birth is kept as it was said. */
export interface Calculation {
  readonly user_id: string;
  readonly save: boolean;
  readonly date: {
    readonly birth_year: number;
    readonly birth_month: number;
    readonly birth_day: number;
    readonly is_solar: boolean;
    readonly is_leap_month: boolean;
  };
  readonly birth: Birth;
}

/** Throws a problem that names the first wrong field: 400 for a wrong type, 422 for what cannot be. */
export function readCalculation(body: unknown): Calculation {
  const fields = new Fields(body);
  const user_id = fields.text('user_id');
  const birth_year = fields.whole('birth_year');
  const birth_month = fields.whole('birth_month');
  const birth_day = fields.whole('birth_day');
  const birth_hour = fields.wholeOrNull('birth_hour');
  const birth_minute = fields.whole('birth_minute', 0);
  const is_solar = fields.flag('is_solar');
  const is_leap_month = fields.flag('is_leap_month', false);
  const clock = fields.text('clock', 'wall');
  const longitude = fields.number('longitude', 126.978);
  const day_boundary = fields.text('day_boundary', 'split');
  const fold = fields.whole('fold', 0);
  const save = fields.flag('save', true);
  fields.end();
  checkUserId(user_id);
  const checked = {
    clock: oneOf('clock', clock, ['wall', 'std135', 'lmt', 'true']),
    day_boundary: oneOf('day_boundary', day_boundary, ['split', '23h', 'midnight']),
    fold: oneOf('fold', fold, [0, 1]),
  };
  within('birth_year', birth_year, 1, 9999);
  within('birth_month', birth_month, 1, 12);
  within('birth_day', birth_day, 1, 31);
  if (birth_hour !== null) within('birth_hour', birth_hour, 0, 23);
  within('birth_minute', birth_minute, 0, 59);
  within('longitude', longitude, -180, 180);
  const date = { birth_year, birth_month, birth_day, is_solar, is_leap_month };
  const birth = { epochDay: epochDayOf(date), birth_hour, birth_minute, longitude, ...checked };
  return { user_id, save, date, birth };
}

export function readInterpretation(body: unknown): string | null {
  const fields = new Fields(body);
  const interpretation = fields.textOrNull('interpretation');
  fields.end();
  if (interpretation !== null && !isStorable(interpretation)) throw impossible('interpretation', unstorable);
  return interpretation;
}

export function readPage(query: Readonly<Record<string, unknown>>): { limit: number; cursor: string | undefined } {
  const { limit = '50', cursor } = query;
  if (typeof limit !== 'string' || !/^-?\d{1,9}$/.test(limit)) throw malformed('limit', 'limit is not a whole number.');
  within('limit', Number(limit), 1, 200);
  if (cursor !== undefined && (typeof cursor !== 'string' || !isId(cursor)))
    throw malformed('cursor', 'cursor is none that a page gave.');
  return { limit: Number(limit), cursor };
}

export function readId(text: string): string {
  if (!isId(text)) throw malformed('id', 'id is not a whole number of sixty-four bits.');
  return text;
}

function isId(text: string): boolean {
  return /^-?\d{1,19}$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);
}

function checkUserId(userId: string): void {
  if (/^\p{White_Space}*$/u.test(userId)) throw impossible('user_id', 'user_id is empty or only white space.');
  if (!isStorable(userId)) throw impossible('user_id', unstorable);
}

/** Days from 1970-01-01 to a date, of Korea's lunar calendar where it is not solar. */
function epochDayOf({ birth_year, birth_month, birth_day, is_solar, is_leap_month }: Calculation['date']): number {
  if (!is_solar) return epochDayOfLunar(birth_year, birth_month, birth_day, is_leap_month);
  const date = new Date(0);
  date.setUTCFullYear(birth_year, birth_month - 1, birth_day);
  if (date.getUTCMonth() !== birth_month - 1)
    throw impossible('birth_day', 'birth_day is beyond the end of its solar month.');
  return date.getTime() / 86_400_000;
}

/** The months of Korea that the service knows: the library goes back farther, the service's answer never did. */
function epochDayOfLunar(year: number, month: number, day: number, leap: boolean): number {
  const ordinal = year * 12 + month;
  if (ordinal < 1899 * 12 + 12 || ordinal > 2050 * 12 + 11)
    throw impossible(
      'birth_year',
      'birth_year is outside the lunar calendar of Korea as it is known here, 1899-12 to 2050-11; send the solar date.',
    );
  const calendar = new KoreanLunarCalendar();
  const has = (of: number) => {
    if (!calendar.setLunarDate(year, month, of, leap)) return false;
    const found = calendar.getLunarCalendar();
    return found.day === of && found.month === month && (found.intercalation ?? false) === leap;
  };
  if (leap && !has(1))
    throw impossible('is_leap_month', 'is_leap_month names a leap month that the lunar year does not have.');
  if (!has(day)) throw impossible('birth_day', 'birth_day is beyond the end of its lunar month.');
  const solar = calendar.getSolarCalendar();
  return Date.UTC(solar.year, solar.month - 1, solar.day) / 86_400_000;
}
