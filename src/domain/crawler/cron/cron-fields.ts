/** The fields of a cron expression: what each may hold, and by which names. */

export interface CronField {
  /** As a sentence names it. */
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** How many different values there are: a step may be as large, and no larger. */
  readonly size: number;
  /** Names of values, in capitals. */
  readonly names: Readonly<Record<string, number>>;
}

function field(name: string, min: number, max: number, names: readonly string[] = []): CronField {
  return {
    name,
    min,
    max,
    size: max - min + 1,
    names: Object.fromEntries(names.map((one, index) => [one, min + index])),
  };
}

const months = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const weekdays = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];

export const cronFields = {
  second: field('the second', 0, 59),
  minute: field('the minute', 0, 59),
  hour: field('the hour', 0, 23),
  dayOfMonth: field('the day of the month', 1, 31),
  month: field('the month', 1, 12, months),
  // 0 and 7 are both Sunday.
  dayOfWeek: { ...field('the day of the week', 0, 7, weekdays), size: 7 },
} as const satisfies Readonly<Record<string, CronField>>;
