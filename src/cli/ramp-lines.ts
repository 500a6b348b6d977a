import type { RampAnswer } from '../domain/traffic/ramp/ramp.js';

/** Where a ramp is, on one line. */
export function rampHeadline(view: RampAnswer): string {
  const { status, percentage, target_percentage, changed_since_end } = view;
  return changed_since_end === null
    ? `${status} at ${percentage} % of ${target_percentage} %`
    : `${status}, and the weight was changed since, to ${percentage} %`;
}

/** As of when a ramp says what it says; undefined for one that has ended and checks no more. */
export function checkedLine({ status, checked_at, settings }: RampAnswer, now: number): string | undefined {
  if (status === 'completed' || status === 'stopped') return undefined;
  if (checked_at === null) return 'It has not checked anything yet.';
  const seconds = Math.max(0, Math.round((now - Date.parse(checked_at)) / 1000));
  return `Checked ${seconds} s ago; it checks every ${settings.check_interval_seconds} s.`;
}
