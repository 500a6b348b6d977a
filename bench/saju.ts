import { calculateFourPillars } from 'manseryeok';
import { type Birth, type Clock, clocks, defaultConvention } from '../src/domain/saju/birth.js';
import { calculateChart } from '../src/domain/saju/four-pillars.js';
import { median } from './statistics.js';

/** Charts per second of processor time, so that other work on the machine does not count. */
export interface SajuFigures {
  readonly charts: number;
  readonly libraryPerSecond: number;
  readonly perSecond: Readonly<Record<Clock, number>>;
  /** Against the library's one bare call, which is right for the plain clock of our days alone. */
  readonly ratio: Readonly<Record<Clock, number>>;
}

/** The project's charts and bare calls of the library for the same births, turn by turn, the median of `rounds`. */
export function measureSajuCharts({ charts = 20_000, rounds = 5 } = {}): SajuFigures {
  const births = Array.from({ length: charts }, (_, place) => birthAt(place));
  const library = () => births.forEach(askLibrary);
  const ours = clocks.map((clock) => {
    const given = births.map((birth) => ({ ...birth, clock }));
    return { clock, work: () => given.forEach(calculateChart) };
  });
  const seconds = new Map<Clock | 'library', number[]>();
  // The first round fills the library's own cache of terms and is not counted.
  for (let round = 0; round <= rounds; round++) {
    for (const { name, work } of [
      { name: 'library' as const, work: library },
      ...ours.map((way) => ({ name: way.clock, work: way.work })),
    ]) {
      const taken = processorSeconds(work);
      if (round > 0) seconds.set(name, [...(seconds.get(name) ?? []), taken]);
    }
  }
  const perSecond = (name: Clock | 'library') => charts / median(seconds.get(name) ?? []);
  const figures = clocks.map((clock) => [clock, perSecond(clock)] as const);
  const libraryPerSecond = perSecond('library');
  return {
    charts,
    libraryPerSecond,
    perSecond: Object.fromEntries(figures) as Record<Clock, number>,
    ratio: Object.fromEntries(figures.map(([clock, figure]) => [clock, figure / libraryPerSecond])) as Record<
      Clock,
      number
    >,
  };
}

/** Births spread evenly over a hundred and ten years, every hour and minute. */
function birthAt(place: number): Birth {
  return {
    ...defaultConvention,
    year: 1920 + (place % 110),
    month: 1 + (place % 12),
    day: 1 + (place % 28),
    hour: (place * 7) % 24,
    minute: (place * 11) % 60,
    is_solar: true,
    is_leap_month: false,
  };
}

function askLibrary({ year, month, day, hour, minute }: Birth): void {
  calculateFourPillars({ year, month, day, hour: hour ?? 12, minute, dayBoundary: 'splitJasi' });
}

function processorSeconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}
