/**
 * What the clocks of Seoul showed, and when: Asia/Seoul of the time-zone database that the runtime carries. Clocks are
 * counted as seconds since 1970-01-01 00:00 of that clock, instants as seconds since 1970-01-01 00:00 UTC.
 */

export interface WallTime {
  /** The instant meant, in seconds UTC. */
  readonly instant: number;
  /** `repeated`: shown twice, as clocks went back; `skipped`: never shown, as they went forward. */
  readonly shown: 'once' | 'repeated' | 'skipped';
}

/**
 * The instant at which clocks in Seoul showed `wall`. Of a time shown twice `fold` 0 means the first and 1 the second.
 * A time never shown is read by the offset before the jump, with `fold` 1 by the one after it (as PEP 495 has it).
 */
export function instantOfWall(wall: number, fold: 0 | 1): WallTime {
  let before = offsets[0];
  let after = before;
  for (const offset of offsets) {
    // Each offset rules from its first instant on; around a change both readings of the clock are considered.
    if (wall - offset.seconds >= offset.from) {
      before = after = offset;
      continue;
    }
    if (wall - before.seconds >= offset.from) after = offset;
    break;
  }
  if (after !== before) return { instant: wall - (fold === 0 ? before : after).seconds, shown: 'skipped' };
  const earlier = offsets[offsets.indexOf(before) - 1];
  if (earlier === undefined || wall - earlier.seconds >= before.from)
    return { instant: wall - before.seconds, shown: 'once' };
  return { instant: wall - (fold === 0 ? earlier : before).seconds, shown: 'repeated' };
}

/** The first instant of standard time, 1908-04-01: before it clocks kept local mean time. */
export const firstStandardInstant = -1_948_782_472;

interface Offset {
  readonly from: number;
  readonly seconds: number;
}

const offsets = readOffsets();

/** Looked for every week between 1900 and 2100: no rule of Seoul's was ever in force for less. */
function readOffsets(): readonly [Offset, ...Offset[]] {
  const week = 7 * 86_400;
  const start = Date.UTC(1900, 0, 1) / 1000;
  const end = Date.UTC(2100, 0, 1) / 1000;
  const format = new Intl.DateTimeFormat('en-US', { timeZone: 'Asia/Seoul', timeZoneName: 'longOffset' });
  const found: [Offset, ...Offset[]] = [{ from: Number.NEGATIVE_INFINITY, seconds: offsetAt(format, start) }];
  for (let instant = start, last = found[0].seconds; instant < end; instant += week) {
    const seconds = offsetAt(format, instant + week);
    if (seconds === last) continue;
    found.push({ from: changeBetween(format, instant, instant + week), seconds });
    last = seconds;
  }
  return found;
}

/** The first second within (from, to] with the offset of `to`. */
function changeBetween(format: Intl.DateTimeFormat, from: number, to: number): number {
  const seconds = offsetAt(format, to);
  let [before, after] = [from, to];
  while (after - before > 1) {
    const middle = Math.floor((before + after) / 2);
    if (offsetAt(format, middle) === seconds) after = middle;
    else before = middle;
  }
  return after;
}

function offsetAt(format: Intl.DateTimeFormat, instant: number): number {
  const name = format.formatToParts(instant * 1000).find((part) => part.type === 'timeZoneName')?.value ?? '';
  const match = /^GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(name);
  if (match === null) throw new Error(`the runtime writes the offset of Asia/Seoul as "${name}"`);
  const [, sign, hours, minutes, seconds] = match;
  const size = Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + Number(seconds ?? 0);
  return sign === '-' ? -size : size;
}
