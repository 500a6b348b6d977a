/** One request that the site has received, in its own words: a line of its log. */
export interface Visit {
  /** Counts from 1. */
  readonly number: number;
  /** Milliseconds since 1970; the steps of the machine's clock do not show within one life of the site. */
  readonly started: number;
  /** When the answer was sent or the client had left; null before. */
  ended: number | null;
  readonly path: string;
  readonly user_agent: string;
  /** Null before an answer, and for a client that left without one. */
  status: number | null;
  /** Parsed from the user agent; null where it does not say so. */
  readonly side: 'legacy' | 'cube' | null;
  readonly job: string | null;
  readonly run: string | null;
}

/** The identity in the comment of a User-Agent: `Heal7Crawler/1.0 (side=legacy; job=7; run=…)`. */
export function identityIn(userAgent: string): Pick<Visit, 'side' | 'job' | 'run'> {
  const match =
    /^Heal7Crawler\/[\w.]+ \((?:[^()]*; )?side=(legacy|cube); job=(\d+); run=([^;()\s]+)(?:;[^()]*)?\)/.exec(userAgent);
  return {
    side: (match?.[1] as 'legacy' | 'cube' | undefined) ?? null,
    job: match?.[2] ?? null,
    run: match?.[3] ?? null,
  };
}

/** The site's log. In memory the newest `kept` lines stay; `write` is given every line once its request has ended. */
export class VisitLog {
  private readonly visits: Visit[] = [];
  private count = 0;

  constructor(
    private readonly kept = 200_000,
    private readonly write: (visit: Visit) => void = () => undefined,
  ) {}

  begin(path: string, userAgent: string): Visit {
    this.count++;
    const visit: Visit = {
      number: this.count,
      started: now(),
      ended: null,
      path,
      user_agent: userAgent,
      status: null,
      ...identityIn(userAgent),
    };
    this.visits.push(visit);
    // Half as many again, so that not every line moves all the others.
    if (this.visits.length > this.kept * 1.5) this.visits.splice(0, this.visits.length - this.kept);
    return visit;
  }

  end(visit: Visit, status: number | null): void {
    visit.ended = now();
    visit.status = status;
    this.write(visit);
  }

  /** Those with higher numbers, in the order in which they began; requests that have not ended are among them. */
  after(number: number): readonly Visit[] {
    const first = this.visits[0]?.number ?? 1;
    return this.visits.slice(Math.max(0, number + 1 - first));
  }
}

function now(): number {
  return performance.timeOrigin + performance.now();
}
