/**
 * How a call ended. A 4xx is an answer like any other. `item_failed`: the service said that it cannot serve what the call names, as one
 * of its models, and is itself well: what else it serves is not kept from its callers.
 */
export type CallOutcome = 'answered' | 'failed' | 'item_failed' | 'timed_out' | 'abandoned';

/** The permission for one call; it is returned with the call's outcome. */
export interface BreakerPermit {
  readonly generation: number;
  readonly trial: boolean;
}

export type BreakerState = 'closed' | 'open' | 'half_open';

export interface BreakerOptions {
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** 0 to 1, for the jitter. */
  readonly random: () => number;
}

const windowSeconds = 10;
const minCalls = 20;
const failedShare = 0.5;
const firstOpenMillis = 10_000;
const maxOpenMillis = 300_000;
const maxTrialsAtOnce = 3;
const trials = 10;
const maxFailedTrials = 3;

/**
 * A circuit breaker (numbers: TRAFFIC, "Breaker, retries, cache, balancing"). Its window expires by the clock, so that old
 * failures never count; results of calls from before the last change of state are ignored.
 */
export class Breaker {
  private readonly seconds = new Float64Array(windowSeconds).fill(-1);
  private readonly calls = new Float64Array(windowSeconds);
  private readonly failures = new Float64Array(windowSeconds);
  private current: BreakerState = 'closed';
  private generation = 0;
  private openings = 0;
  private openUntil = 0;
  private trialsRunning = 0;
  private trialsDone = 0;
  private trialsFailed = 0;
  private closedPermit: BreakerPermit = { generation: 0, trial: false };

  constructor(private readonly options: BreakerOptions) {}

  get state(): BreakerState {
    return this.current === 'open' && this.options.now() >= this.openUntil ? 'half_open' : this.current;
  }

  /** Milliseconds until the next trial; 0 when it is not open. */
  get openForMillis(): number {
    return this.current === 'open' ? Math.max(0, this.openUntil - this.options.now()) : 0;
  }

  /** The permission for one call, or null while open. Allocates nothing while closed. */
  take(): BreakerPermit | null {
    if (this.current === 'closed') return this.closedPermit;
    if (this.current === 'open') {
      if (this.options.now() < this.openUntil) return null;
      this.transitionTo('half_open');
    }
    if (this.trialsRunning >= maxTrialsAtOnce || this.trialsRunning + this.trialsDone >= trials) return null;
    this.trialsRunning++;
    return { generation: this.generation, trial: true };
  }

  /** Returns a permission with the outcome of its call. */
  record(permit: BreakerPermit, outcome: CallOutcome): void {
    if (permit.generation !== this.generation) return;
    const failed = outcome === 'failed' || outcome === 'timed_out';
    if (permit.trial) this.recordTrial(outcome, failed);
    else if (outcome !== 'abandoned') this.count(failed);
  }

  private recordTrial(outcome: CallOutcome, failed: boolean): void {
    this.trialsRunning--;
    if (outcome === 'abandoned') return;
    this.trialsDone++;
    if (failed) this.trialsFailed++;
    if (this.trialsFailed > maxFailedTrials) this.open();
    else if (this.trialsDone >= trials) {
      this.openings = 0;
      this.transitionTo('closed');
    }
  }

  private count(failed: boolean): void {
    const second = Math.floor(this.options.now() / 1000);
    const index = second % windowSeconds;
    if (this.seconds[index] !== second) {
      this.seconds[index] = second;
      this.calls[index] = 0;
      this.failures[index] = 0;
    }
    this.calls[index] = (this.calls[index] ?? 0) + 1;
    if (!failed) return;
    this.failures[index] = (this.failures[index] ?? 0) + 1;
    let calls = 0;
    let failures = 0;
    for (let slot = 0; slot < windowSeconds; slot++) {
      if ((this.seconds[slot] ?? -1) <= second - windowSeconds) continue;
      calls += this.calls[slot] ?? 0;
      failures += this.failures[slot] ?? 0;
    }
    if (calls >= minCalls && failures >= calls * failedShare) this.open();
  }

  private open(): void {
    const millis = Math.min(firstOpenMillis * 2 ** this.openings, maxOpenMillis);
    this.openings++;
    this.openUntil = this.options.now() + millis * (0.8 + 0.4 * this.options.random());
    this.transitionTo('open');
  }

  private transitionTo(state: BreakerState): void {
    this.current = state;
    this.generation++;
    this.closedPermit = { generation: this.generation, trial: false };
    this.trialsRunning = 0;
    this.trialsDone = 0;
    this.trialsFailed = 0;
    this.seconds.fill(-1);
  }
}
