import type { Visit } from '../../legacy/crawler-site/visits.js';

/** What held for the whole of a log; left out, it is not looked at. */
export interface CrawlRules {
  /** Requests in any sixty seconds. */
  readonly perMinute?: number;
  readonly delayMillis?: number;
  /** Whether robots.txt closes a path. */
  readonly isClosed?: (path: string) => boolean;
}

/** Two runs of one job of which one began before the other had ended. */
export interface Overlap {
  readonly job: string;
  readonly runs: readonly [string, string];
  readonly millis: number;
  /** Pages that the run that began later had requested when the former ended. */
  readonly pages: number;
}

export interface CrawlFindings {
  readonly overlaps: readonly Overlap[];
  /** The largest number of pages that any sixty seconds saw, where that is too many. */
  readonly tooMany: { readonly count: number; readonly from: number } | undefined;
  /** Requests that came too soon after the one before: their numbers in the log. */
  readonly tooSoon: readonly number[];
  readonly closed: readonly number[];
  /** Requests of pages by a run that had not seen robots.txt, itself or by another run of its side. */
  readonly withoutRobots: readonly number[];
  /** Requests that do not say whose they are. */
  readonly unnamed: readonly number[];
  /** Pages that one run was given more than once. */
  readonly repeated: readonly { readonly run: string; readonly path: string; readonly times: number }[];
}

const minuteMillis = 60_000;

/** Reads the log of one site, which is one host, and says what was done there that must not be. Requests of robots.txt count for no rate. */
export function checkCrawl(log: readonly Visit[], rules: CrawlRules = {}): CrawlFindings {
  const pages = log.filter(({ path }) => !isRobots(path));
  return {
    overlaps: overlapsIn(log),
    tooMany: rules.perMinute === undefined ? undefined : tooManyIn(pages, rules.perMinute),
    tooSoon: rules.delayMillis === undefined ? [] : tooSoonIn(pages, rules.delayMillis),
    closed: pages.filter(({ path }) => rules.isClosed?.(path) ?? false).map(({ number }) => number),
    withoutRobots: withoutRobotsIn(log),
    unnamed: log.filter(({ run }) => run === null).map(({ number }) => number),
    repeated: repeatedIn(pages),
  };
}

function isRobots(path: string): boolean {
  return path === '/robots.txt';
}

interface RunSpan {
  readonly run: string;
  readonly from: number;
  readonly to: number;
  readonly visits: readonly Visit[];
}

function overlapsIn(log: readonly Visit[]): readonly Overlap[] {
  const jobs = groupBy(log, ({ job, run }) => (run === null ? undefined : (job ?? undefined)));
  return [...jobs].flatMap(([job, visits]) => {
    const runs = [...groupBy(visits, ({ side, run }) => `${side} ${run}`)].map(([run, own]) => spanOf(run, own));
    runs.sort((one, other) => one.from - other.from);
    return runs.flatMap((former, place) =>
      runs.slice(place + 1).flatMap((later): Overlap[] => {
        const millis = Math.min(former.to, later.to) - later.from;
        if (millis <= 0) return [];
        const pages = later.visits.filter(({ path, started }) => !isRobots(path) && started < former.to).length;
        return [{ job, runs: [former.run, later.run], millis, pages }];
      }),
    );
  });
}

/** A request that has not ended lasts until the end of time. */
function spanOf(run: string, visits: readonly Visit[]): RunSpan {
  return {
    run,
    from: Math.min(...visits.map(({ started }) => started)),
    to: Math.max(...visits.map(({ ended }) => ended ?? Number.POSITIVE_INFINITY)),
    visits,
  };
}

function tooManyIn(pages: readonly Visit[], perMinute: number): CrawlFindings['tooMany'] {
  const times = pages.map(({ started }) => started).sort((one, other) => one - other);
  let worst = { count: 0, from: 0 };
  let first = 0;
  times.forEach((time, place) => {
    while ((times[first] ?? time) <= time - minuteMillis) first++;
    const count = place - first + 1;
    if (count > worst.count) worst = { count, from: times[first] ?? time };
  });
  return worst.count > perMinute ? worst : undefined;
}

function tooSoonIn(pages: readonly Visit[], delayMillis: number): readonly number[] {
  const sorted = [...pages].sort((one, other) => one.started - other.started);
  return sorted.flatMap(({ started, number }, place) => {
    const before = sorted[place - 1];
    return before !== undefined && started - before.started < delayMillis ? [number] : [];
  });
}

function withoutRobotsIn(log: readonly Visit[]): readonly number[] {
  const informed = new Map<string, number>();
  for (const { side, path, ended } of log)
    if (side !== null && isRobots(path) && ended !== null && ended < (informed.get(side) ?? Number.POSITIVE_INFINITY))
      informed.set(side, ended);
  return log
    .filter(
      ({ side, path, started }) =>
        side !== null && !isRobots(path) && started < (informed.get(side) ?? Number.POSITIVE_INFINITY),
    )
    .map(({ number }) => number);
}

function repeatedIn(pages: readonly Visit[]): CrawlFindings['repeated'] {
  const given = pages.filter(({ status, run }) => status === 200 && run !== null);
  return [...groupBy(given, ({ run, path }) => JSON.stringify([run, path]))].flatMap(([key, visits]) => {
    const [run, path] = JSON.parse(key) as [string, string];
    return visits.length > 1 ? [{ run, path, times: visits.length }] : [];
  });
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string | undefined): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    if (key === undefined) continue;
    const group = groups.get(key) ?? [];
    groups.set(key, group);
    group.push(item);
  }
  return groups;
}
