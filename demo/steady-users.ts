import { Pool } from 'undici';

/** A user, and the record that the user looks at. */
export interface DemoUser {
  readonly userId: string;
  readonly recordId: string;
  readonly hourPillar: string;
}

/** What users do, and what they must be answered; `kind` is 0 to 4, and each user does another thing the next time. */
export interface Visits<User> {
  request(
    user: User,
    kind: number,
  ): Readonly<{
    method: 'GET' | 'POST';
    path: string;
    headers: Readonly<Record<string, string>>;
    body?: string;
  }>;
  isRight(user: User, kind: number, text: string): boolean;
}

/** What the users met in one phase of the demo; times are milliseconds since 1970. */
export interface Phase {
  requests: number;
  /** Answers with a 5xx status, and requests without an answer. */
  failures: number;
  /** Answers that say something else of a record than legacy does. */
  wrong: number;
  fromCube: number;
  slowestMillis: number;
  firstFromCubeAt: number | null;
  lastFromCubeAt: number | null;
  firstBadAt: number | null;
  lastBadAt: number | null;
}

const tickMillis = 10;

/** Users at a steady rate, through the gateway. */
export class SteadyUsers<User = DemoUser> {
  private readonly pool: Pool;
  private readonly timer: NodeJS.Timeout;
  private readonly underWay = new Set<Promise<void>>();
  private phase = newPhase();
  private sent = 0;
  private readonly startedAt = performance.now();

  constructor(
    gatewayUrl: string,
    private readonly users: readonly User[],
    private readonly perSecond: number,
    private readonly visits: Visits<User>,
  ) {
    this.pool = new Pool(gatewayUrl, { connections: 64, pipelining: 1 });
    this.timer = setInterval(() => this.sendDue(), tickMillis);
  }

  get crowd(): { readonly users: number; readonly perSecond: number } {
    return { users: this.users.length, perSecond: this.perSecond };
  }

  /** What was met since the last call; the next phase begins. */
  nextPhase(): Phase {
    const { phase } = this;
    this.phase = newPhase();
    return phase;
  }

  /** Begins a phase and returns it, still growing. */
  beginPhase(): Readonly<Phase> {
    this.phase = newPhase();
    return this.phase;
  }

  /** What was met so far in this phase. */
  get current(): Readonly<Phase> {
    return this.phase;
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.underWay);
    await this.pool.close();
  }

  private sendDue(): void {
    const due = Math.floor(((performance.now() - this.startedAt) / 1000) * this.perSecond);
    // After a stall the rate goes on; what was missed is not sent in one burst.
    if (due - this.sent > this.perSecond) this.sent = due - this.perSecond;
    while (this.sent < due) {
      const user = this.users[this.sent % this.users.length];
      // Users take their turns, and each does something else the next time.
      const turn = Math.floor(this.sent / this.users.length) + this.sent;
      this.sent++;
      if (user === undefined) return;
      const request = this.send(user, turn % 5, this.phase);
      this.underWay.add(request);
      void request.finally(() => this.underWay.delete(request));
    }
  }

  private async send(user: User, kind: number, phase: Phase): Promise<void> {
    const begun = performance.now();
    phase.requests++;
    try {
      const { statusCode, headers, body } = await this.pool.request({
        ...this.visits.request(user, kind),
        headersTimeout: 10_000,
        bodyTimeout: 10_000,
      });
      const text = await body.text();
      const now = Date.now();
      if (headers['x-cube-target'] === 'cube') {
        phase.fromCube++;
        phase.firstFromCubeAt ??= now;
        phase.lastFromCubeAt = now;
      }
      if (statusCode >= 500) this.bad(phase, 'failures');
      else if (!this.visits.isRight(user, kind, text)) this.bad(phase, 'wrong');
    } catch {
      this.bad(phase, 'failures');
    }
    phase.slowestMillis = Math.max(phase.slowestMillis, performance.now() - begun);
  }

  private bad(phase: Phase, what: 'failures' | 'wrong'): void {
    const now = Date.now();
    phase[what]++;
    phase.firstBadAt ??= now;
    phase.lastBadAt = now;
  }
}

/** A few hundred users read their records and have charts calculated. */
export const sajuVisits: Visits<DemoUser> = {
  request: sajuRequestOf,
  isRight: ({ hourPillar }, kind, text) => kind >= 3 || hourPillarOf(text) === hourPillar,
};

/** Three of five read a record, one lists, one has a chart calculated that is not kept. */
function sajuRequestOf({ userId, recordId }: DemoUser, kind: number) {
  const headers = { 'x-user-id': userId };
  if (kind < 3) return { method: 'GET', path: `/api/saju/records/${recordId}`, headers } as const;
  if (kind === 3)
    return { method: 'GET', path: `/api/saju/users/${encodeURIComponent(userId)}/records?limit=5`, headers } as const;
  const birth = { birth_year: 1990, birth_month: 1, birth_day: 26, birth_hour: 14, is_solar: true, save: false };
  return {
    method: 'POST',
    path: '/api/saju/calculate',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ user_id: userId, ...birth }),
  } as const;
}

function hourPillarOf(text: string): unknown {
  try {
    return (JSON.parse(text) as { readonly hour_pillar?: unknown }).hour_pillar;
  } catch {
    return undefined;
  }
}

function newPhase(): Phase {
  return {
    requests: 0,
    failures: 0,
    wrong: 0,
    fromCube: 0,
    slowestMillis: 0,
    firstFromCubeAt: null,
    lastFromCubeAt: null,
    firstBadAt: null,
    lastBadAt: null,
  };
}
