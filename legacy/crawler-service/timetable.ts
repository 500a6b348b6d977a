import { Cron } from 'croner';

/** When a job is due, in the zone of the monolith. */
export interface Timetable {
  /** Null where there is no time any more. */
  nextAfter(instant: Date): Date | null;
}

/**
 * Reads an expression as the monolith does: five fields as Vixie's cron (either day field is enough where both are restricted), six as
 * Spring (the second first, both must match, `?` is `*`), seven with a year, and `@daily` and its like. Undefined for what it cannot read.
 */
export function readTimetable(expression: string): Timetable | undefined {
  const fields = expression.trim().split(/\s+/);
  const [day, weekday] = fields.length === 5 ? [fields[2], fields[4]] : [fields[3], fields[5]];
  const written = fields.map((field, place) => {
    if (field === '?') return '*';
    return place === (fields.length === 5 ? 4 : 5) ? spellOut(field) : field;
  });
  try {
    const cron = new Cron(written.join(' '), {
      timezone: 'Asia/Seoul',
      domAndDow: fields.length > 5 || [day, weekday].some((one) => one?.startsWith('*')),
      sloppyRanges: true,
    });
    return { nextAfter: (instant) => cron.nextRun(instant) };
  } catch {
    return undefined;
  }
}

/** A weekday `a/n` as the list that it means: the library would end it on Saturday. */
function spellOut(field: string): string {
  return field.replaceAll(/(^|,)(\d)\/(\d)(?=,|$)/g, (whole, before: string, from: string, step: string) => {
    if (step === '0') return whole;
    const values: number[] = [];
    for (let value = Number(from); value <= 7; value += Number(step)) values.push(value);
    return `${before}${values.join(',')}`;
  });
}
