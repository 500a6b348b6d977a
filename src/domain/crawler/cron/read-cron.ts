import { type CronField, cronFields } from './cron-fields.js';
import { invalidCron, readEvery, unsupportedCron } from './cron-problem.js';
import { type DayField, readDaysOfMonth, readDaysOfWeek } from './day-fields.js';
import { bothRules, type DayRule, everyDay } from './day-rule.js';
import { elementValues, shown } from './field-values.js';

/** The instants that an expression names, in the wall-clock time of the zone: the times of day on the days of any of the rules. */
export interface CronSchedule {
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly days: readonly DayRule[];
}

/**
 * Reads the text of a schedule as legacy does. Five fields are Vixie's cron: where both day fields are restricted, either is enough. Six
 * fields are Spring's, with the second first: both day fields must match, and `?` is `*`. `@daily` and its like stand for five
 * fields. Throws `UnreadableCron`.
 */
export function readCron(text: string): CronSchedule {
  const trimmed = text.trim();
  if (trimmed === '') throw invalidCron('the expression is empty');
  if (/^(?:CRON_)?TZ=/i.test(trimmed)) throw unsupportedCron('a zone inside the expression is not converted');
  if (trimmed.startsWith('@')) return readFields(alias(trimmed));
  return readFields(trimmed);
}

const aliases: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

function alias(text: string): string {
  const [word = ''] = text.toLowerCase().split(/\s/);
  if (word === '@reboot' || word === '@every')
    throw unsupportedCron(`${word} is not converted: it does not name times of the clock`);
  const fields = Object.hasOwn(aliases, text.toLowerCase()) ? aliases[text.toLowerCase()] : undefined;
  if (fields === undefined) throw invalidCron(`${shown(text)} is no expression`);
  return fields;
}

function readFields(text: string): CronSchedule {
  const fields = text.split(/[ \t\r\n]+/);
  const [first = '', second = '', third = '', fourth = '', fifth = '', sixth = ''] = fields;
  switch (fields.length) {
    case 5:
      return read({ second: '0', minute: first, hour: second, day: third, month: fourth, weekday: fifth }, eitherDay);
    case 6: {
      const [day, weekday] = [fourth, sixth].map((one) => (one === '?' ? '*' : one)) as [string, string];
      return read({ second: first, minute: second, hour: third, day, month: fifth, weekday }, bothDays);
    }
    case 7:
      throw unsupportedCron('seven fields are not converted: a year is none of the five or six that are read');
    default:
      throw invalidCron(`it has ${fields.length} fields; five or six are read`);
  }
}

interface FieldTexts {
  readonly second: string;
  readonly minute: string;
  readonly hour: string;
  readonly day: string;
  readonly month: string;
  readonly weekday: string;
}

function read(texts: FieldTexts, daysOf: (day: DayField, weekday: DayField) => readonly DayRule[]): CronSchedule {
  const parts = {
    seconds: () => listValues(texts.second, cronFields.second),
    minutes: () => listValues(texts.minute, cronFields.minute),
    hours: () => listValues(texts.hour, cronFields.hour),
    day: () => readDaysOfMonth(texts.day),
    months: () => listValues(texts.month, cronFields.month),
    weekday: () => readDaysOfWeek(texts.weekday),
  };
  readEvery<unknown>(Object.values(parts));
  const months = parts.months();
  const ofMonths = { ...everyDay, months: months.length === cronFields.month.size ? null : months };
  return {
    seconds: parts.seconds(),
    minutes: parts.minutes(),
    hours: parts.hours(),
    days: daysOf(parts.day(), parts.weekday()).flatMap((rule) => bothRules(rule, ofMonths) ?? []),
  };
}

function listValues(text: string, field: CronField): readonly number[] {
  const values = new Set(text.split(',').flatMap((element) => elementValues(element, field)));
  return [...values].sort((one, other) => one - other);
}

/** Vixie's rule: two restricted day fields name the days of either. */
function eitherDay(day: DayField, weekday: DayField): readonly DayRule[] {
  return day.beginsWithStar || weekday.beginsWithStar ? bothDays(day, weekday) : [...day.rules, ...weekday.rules];
}

function bothDays(day: DayField, weekday: DayField): readonly DayRule[] {
  return day.rules.flatMap((one) => weekday.rules.flatMap((other) => bothRules(one, other) ?? []));
}
