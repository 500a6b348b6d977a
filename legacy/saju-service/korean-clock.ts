/** Seconds since 1970-01-01 00:00, of a clock or of UTC. */
export type Seconds = number;

export interface Meant {
  readonly instant: Seconds;
  readonly shown: 'once' | 'repeated' | 'skipped';
}

/**
 * The instant at which a clock in Seoul showed `wall`: the offsets of the day before and of the day after are tried, as
 * clocks never changed twice within two days.
 */
export function instantInSeoul(wall: Seconds, fold: number): Meant {
  const before = offsetInSeoul(wall - 2 * 86_400);
  const after = offsetInSeoul(wall + 86_400);
  const fits = [before, after].map((offset) => offsetInSeoul(wall - offset) === offset);
  const chosen = fold === 1 ? after : before;
  if (before === after) return { instant: wall - before, shown: 'once' };
  if (fits[0] === fits[1]) return { instant: wall - chosen, shown: fits[0] ? 'repeated' : 'skipped' };
  return { instant: wall - (fits[0] ? before : after), shown: 'once' };
}

const format = new Intl.DateTimeFormat('en-US', {
  timeZone: 'Asia/Seoul',
  calendar: 'iso8601',
  hourCycle: 'h23',
  year: 'numeric',
  month: 'numeric',
  day: 'numeric',
  hour: 'numeric',
  minute: 'numeric',
  second: 'numeric',
});

/** Before 1908 there is one offset, and for years ahead of us one more; between, the runtime's time zone data decides. */
function offsetInSeoul(instant: Seconds): number {
  if (instant < -2_000_000_000) return 8 * 3600 + 27 * 60 + 52;
  if (instant > 4_000_000_000) return 9 * 3600;
  const parts = new Map(format.formatToParts(instant * 1000).map(({ type, value }) => [type, Number(value)]));
  const at = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? 0;
  const shown = Date.UTC(at('year'), at('month') - 1, at('day'), at('hour'), at('minute'), at('second')) / 1000;
  return shown - instant;
}

/** The equation of time in seconds (W. M. Smart's series, with elements of the sun by J. Meeus). */
export function equationOfTime(instant: Seconds): number {
  const centuries = (instant / 86_400 - 10_957.5) / 36_525;
  const radians = Math.PI / 180;
  const longitude = (280.46646 + 36_000.76983 * centuries) * radians;
  const anomaly = (357.52911 + 35_999.05029 * centuries) * radians;
  const eccentricity = 0.016708634 - 0.000042037 * centuries;
  const y = Math.tan(((23.4392911 - 0.0130042 * centuries) * radians) / 2) ** 2;
  const angle =
    y * Math.sin(2 * longitude) -
    2 * eccentricity * Math.sin(anomaly) +
    4 * eccentricity * y * Math.sin(anomaly) * Math.cos(2 * longitude) -
    (y * y * Math.sin(4 * longitude)) / 2 -
    (5 / 4) * eccentricity ** 2 * Math.sin(2 * anomaly);
  return (angle * 43_200) / Math.PI;
}
