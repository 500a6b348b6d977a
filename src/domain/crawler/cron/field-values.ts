import type { CronField } from './cron-fields.js';
import { cronFields } from './cron-fields.js';
import { invalidCron } from './cron-problem.js';

/**
 * The values of one element of a field's list: `*`, `a`, `a-b`, each with a step, as `a/n`, which runs to the end. Throws
 * `UnreadableCron`. Of the day of the week 7 is a value of its own here: `sundayAsZero` makes it 0.
 */
export function elementValues(element: string, field: CronField): readonly number[] {
  const [range = '', stepText, ...rest] = element.split('/');
  if (rest.length > 0) throw invalidCron(`${field.name} has more than one step in ${shown(element)}`);
  const step = stepText === undefined ? undefined : readStep(stepText, field);
  const [first, last] = readRange(range, step !== undefined, field);
  const values: number[] = [];
  for (let value = first; value <= last; value += step ?? 1) values.push(value);
  return values;
}

/** One value: a number, or a name. */
export function readValue(text: string, field: CronField): number {
  const named = field.names[text.toUpperCase()];
  if (named !== undefined) return named;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= field.min && value <= field.max))
    throw invalidCron(`${field.name} cannot be ${shown(text)}: it is ${field.min} to ${field.max}`);
  return value;
}

/** Shortened, for a sentence. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 20 ? `${text.slice(0, 20)}…` : text);
}

function readStep(text: string, field: CronField): number {
  const step = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (step < 1 || step > field.size)
    throw invalidCron(`${field.name} cannot have the step ${shown(text)}: it is 1 to ${field.size}`);
  return step;
}

function readRange(range: string, hasStep: boolean, field: CronField): readonly [number, number] {
  const isWeekday = field === cronFields.dayOfWeek;
  // Counted from Sunday: the 7 would be a second one.
  if (range === '*') return [field.min, isWeekday ? 6 : field.max];
  const [from = '', to, ...rest] = range.split('-');
  if (rest.length > 0) throw invalidCron(`${field.name} cannot be ${shown(range)}`);
  const first = readValue(from, field);
  if (to === undefined) {
    if (hasStep && isWeekday && first === 7)
      throw invalidCron(`${field.name} cannot begin with a 7 in ${shown(range)}`);
    return [first, hasStep ? field.max : first];
  }
  if (isWeekday && first === 7) throw invalidCron(`${field.name} cannot begin with a 7 in ${shown(range)}`);
  const last = isWeekday && to.toUpperCase() === 'SUN' ? 7 : readValue(to, field);
  if (isWeekday && from.toUpperCase() === 'SUN' && to.toUpperCase() === 'SUN')
    throw invalidCron(`${field.name} cannot be ${shown(range)}: it begins and ends with Sunday`);
  if (last < first) throw invalidCron(`${field.name} cannot be ${shown(range)}: the range ends before it begins`);
  return [first, last];
}
