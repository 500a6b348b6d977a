import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { Failure } from '../base/failures.js';
import { atSide } from '../postgres/databases.js';

export interface LeaseSettings {
  /** How long a lease lasts that is not renewed. */
  readonly leaseMillis: number;
  /** A monotonic clock, in milliseconds. */
  readonly now: () => number;
}

export const leaseSettings: LeaseSettings = { leaseMillis: 5000, now: () => performance.now() };

const makeText = `insert into crawler.leases (job_id, token, beat) values ($1, 0, 0) on conflict do nothing`;
const readText = 'select token::text, beat::text, holder from crawler.leases where job_id = $1';
const takeText = `update crawler.leases set token = token + 1, beat = beat + 1, holder = $4
  where job_id = $1 and token = $2 and beat = $3 returning token::text`;
const renewText = `update crawler.leases set beat = beat + 1 where job_id = $1 and token = $2 and holder is not null`;
const releaseText = 'update crawler.leases set holder = null where job_id = $1 and token = $2';
/** A successor waits until the transaction that checks has ended. */
const checkText = 'select from crawler.leases where job_id = $1 and token = $2 and holder is not null for share';

interface LeaseRow {
  readonly token: string;
  readonly beat: string;
  readonly holder: string | null;
}

/** Renewals within a lease: one that is lost on its way costs nothing. */
const renewalsPerLease = 4;

/**
 * The right to fetch for a job and to commit its results, of one holder at a time. A holder that freezes or dies loses it after one lease; what
 * it had begun it may finish, and cannot commit.
 */
export class JobLease {
  private readonly over = new AbortController();
  private readonly renewing: Promise<void>;

  private constructor(
    private readonly cube: pg.Pool,
    readonly jobId: string,
    readonly token: string,
    private heldUntil: number,
    private readonly settings: LeaseSettings,
  ) {
    this.renewing = this.keepRenewing();
  }

  /**
   * Waits until nobody has the lease, or until its holder has not renewed it for a whole lease on this process's own clock. Throws the reason
   * of the signal, and the failures of the cube database.
   */
  static async take(
    cube: pg.Pool,
    jobId: string,
    holder: string,
    signal: AbortSignal,
    settings: LeaseSettings = leaseSettings,
  ): Promise<JobLease> {
    const { leaseMillis, now } = settings;
    let seen: { readonly token: string; readonly beat: string; readonly since: number } | undefined;
    for (;;) {
      signal.throwIfAborted();
      const row = await readLease(cube, jobId);
      // From after the answer: what it says was renewed before.
      const at = now();
      if (row !== undefined && (seen?.token !== row.token || seen.beat !== row.beat)) seen = { ...row, since: at };
      if (row !== undefined && seen !== undefined && (row.holder === null || at - seen.since >= leaseMillis)) {
        // From before it asks: a successor sees the renewal later.
        const asked = now();
        const values = [jobId, row.token, row.beat, holder];
        const taken = await atSide('cube', () => cube.query<{ token: string }>(takeText, values));
        const token = taken.rows[0]?.token;
        if (token !== undefined) return new JobLease(cube, jobId, token, asked + leaseMillis, settings);
        continue;
      }
      await sleep(leaseMillis / 20, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Whether a request may be begun now. */
  isHeld(): boolean {
    return !this.over.signal.aborted && this.settings.now() < this.heldUntil;
  }

  /** Within a transaction that commits results, before its other statements. Throws `claim_lost`. */
  async confirm(client: pg.ClientBase): Promise<void> {
    const found = await client.query(checkText, [this.jobId, this.token]);
    if (found.rowCount === 0) throw new Failure('claim_lost', `Another worker has job ${this.jobId}.`);
  }

  /** Gives it back, so that a successor does not wait. One that cannot be given back ends by itself. */
  async release(): Promise<void> {
    this.over.abort();
    await this.renewing;
    await this.cube.query(releaseText, [this.jobId, this.token]).catch(() => undefined);
  }

  private async keepRenewing(): Promise<void> {
    const { leaseMillis, now } = this.settings;
    const { signal } = this.over;
    while (!signal.aborted) {
      await sleep(leaseMillis / renewalsPerLease, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      const asked = now();
      try {
        const renewed = await this.cube.query(renewText, [this.jobId, this.token]);
        if (renewed.rowCount === 0) this.over.abort();
        else this.heldUntil = asked + leaseMillis;
      } catch {
        // The database is away: the lease ends unless it comes back in time.
      }
    }
  }
}

async function readLease(cube: pg.Pool, jobId: string): Promise<LeaseRow | undefined> {
  return atSide('cube', async () => {
    const found = await cube.query<LeaseRow>(readText, [jobId]);
    if (found.rows.length === 0) await cube.query(makeText, [jobId]);
    return found.rows[0];
  });
}
