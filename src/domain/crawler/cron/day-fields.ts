import { cronFields } from './cron-fields.js';
import { invalidCron, readEvery, unsupportedCron } from './cron-problem.js';
import { type DayRule, everyDay, lastDays } from './day-rule.js';
import { elementValues, readValue, shown } from './field-values.js';

/** What a day field says: the days of any of the rules. */
export interface DayField {
  /** In five fields two restricted ones name the days of either; one that begins with `*` is none. */
  readonly beginsWithStar: boolean;
  readonly rules: readonly DayRule[];
}

export function readDaysOfMonth(text: string): DayField {
  return readDayField(text, 'days', cronFields.dayOfMonth, (element) => {
    if (element === 'L') return lastDays(1, null);
    if (/^(?:\d{1,2}W|LW|L-\d{1,2})$/.test(element))
      throw unsupportedCron(
        `${cronFields.dayOfMonth.name} ${shown(element)} is not converted: it depends on working days or counts back from the end`,
      );
    return undefined;
  });
}

export function readDaysOfWeek(text: string): DayField {
  const field = cronFields.dayOfWeek;
  return readDayField(text, 'weekdays', field, (element) => {
    if (element === 'L')
      throw unsupportedCron(`${field.name} L is not converted: programs differ in the day that it means`);
    const last = /^([^-/*#]+)L$/.exec(element);
    if (last?.[1] !== undefined) return lastDays(7, [weekday(last[1])]);
    const [day, nth, ...rest] = element.split('#');
    if (day === undefined || nth === undefined) return undefined;
    const count = Number(/^\d$/.test(nth) ? nth : 0);
    if (rest.length > 0 || count < 1 || count > 5)
      throw invalidCron(`${field.name} cannot be ${shown(element)}: a month has a weekday one to five times`);
    // The fifth is on one of the three days that are left.
    const days = Array.from({ length: count === 5 ? 3 : 7 }, (_, index) => 7 * (count - 1) + 1 + index);
    return [{ ...everyDay, weekdays: [weekday(day)], days }];
  });
}

/** Reads a list, of which an element may be a special one, written in capitals; all the others make one rule together. */
function readDayField(
  text: string,
  values: 'days' | 'weekdays',
  field: typeof cronFields.dayOfMonth,
  special: (element: string) => readonly DayRule[] | undefined,
): DayField {
  const elements = readEvery(
    text
      .toUpperCase()
      .split(',')
      .map((element) => () => special(element) ?? elementValues(element, field)),
  ).flat();
  const rules = elements.filter((one) => typeof one !== 'number');
  const plain = new Set(elements.filter((one) => typeof one === 'number').map((value) => sundayAsZero(value, values)));
  const sorted = [...plain].sort((one, other) => one - other);
  const isEvery = sorted.length === field.size;
  if (sorted.length > 0) rules.push(isEvery ? everyDay : { ...everyDay, [values]: sorted });
  return { beginsWithStar: text.startsWith('*'), rules };
}

function weekday(text: string): number {
  return sundayAsZero(readValue(text, cronFields.dayOfWeek), 'weekdays');
}

function sundayAsZero(value: number, values: 'days' | 'weekdays'): number {
  return values === 'weekdays' && value === 7 ? 0 : value;
}
