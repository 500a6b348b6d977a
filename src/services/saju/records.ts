import type { Chart } from '../../domain/saju/four-pillars.js';
import type { CalculateRequest } from '../../domain/saju/request.js';
import type { SajuRecordValues, StoredSajuRecord } from './record-store.js';

/** The values of a calculation, before it is saved. Members are in the monolith's order: a client compares bytes. */
export function newRecord({ user_id, birth }: CalculateRequest, { pillars, convention }: Chart): SajuRecordValues {
  const { clock, longitude, day_boundary, fold } = convention;
  return {
    user_id,
    birth_year: birth.year,
    birth_month: birth.month,
    birth_day: birth.day,
    is_solar: birth.is_solar,
    is_leap_month: birth.is_leap_month,
    birth_hour: birth.hour,
    birth_minute: birth.minute,
    year_pillar: pillars.year_pillar,
    month_pillar: pillars.month_pillar,
    day_pillar: pillars.day_pillar,
    hour_pillar: pillars.hour_pillar,
    // Always all four: the table has no other place for how the chart was reckoned.
    convention: JSON.stringify({ clock, longitude, day_boundary, fold }),
    interpretation: null,
  };
}

/**
 * A record as JSON, byte for byte as the monolith answers. The id is a 64-bit number and the convention is the table's own JSON
 * text: neither passes through a double. Only a calculation has warnings.
 */
export function writeRecord(record: SajuRecordValues | StoredSajuRecord, warnings?: readonly string[]): string {
  const { id, convention, created_at, updated_at, ...values } = { ...unsaved, ...record };
  const members = JSON.stringify({
    ...values,
    birth_minute: values.birth_minute ?? 0,
    is_leap_month: values.is_leap_month ?? false,
    warnings,
    created_at: writeTime(created_at),
    updated_at: writeTime(updated_at),
  });
  return `{${id === null ? '' : `"id":${id},`}"convention":${convention ?? 'null'},${members.slice(1)}`;
}

const unsaved = { id: null, created_at: null, updated_at: null };

/** `2020-01-02 03:04:05.6+00` with six digits and Z; a year without four digits stays as PostgreSQL wrote it. */
function writeTime(text: string | null): string | null {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/.exec(text ?? '');
  return match === null ? text : `${match[1]}T${match[2]}.${(match[3] ?? '').padEnd(6, '0')}Z`;
}
