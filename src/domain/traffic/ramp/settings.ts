import { usualSlowSeconds } from './latency-line.js';

/** The least that a step must have seen before it is left. */
export interface Minimums {
  readonly requests: number;
  /** Distinct users on the cube. */
  readonly users: number;
}

export interface RampSettings {
  /** The least time at each step. */
  readonly interval_seconds: number;
  readonly check_interval_seconds: number;
  readonly minimums: Minimums;
  /** For how long the cube's p99 may stay above the line. */
  readonly slow_seconds: number;
  /** The share of requests that may fail, for burn rates, in percent. */
  readonly error_budget_percent: number;
}

export const usualSettings: RampSettings = {
  interval_seconds: 3600,
  check_interval_seconds: 15,
  // After about 200 requests of the cube a five-fold error rate is found at 5 %.
  minimums: { requests: 200, users: 20 },
  slow_seconds: usualSlowSeconds,
  error_budget_percent: 0.1,
};

/** Lists each setting that requires less proof than usual. */
export function loweredSettings(settings: RampSettings): readonly string[] {
  const { minimums, interval_seconds, error_budget_percent, slow_seconds } = settings;
  const describe = (name: string, value: number, usual: number, unit: string) =>
    `${name} ${value}${unit} (usually ${usual}${unit})`;
  const usual = usualSettings;
  return [
    ...(minimums.requests < usual.minimums.requests
      ? [describe('requests at a step', minimums.requests, usual.minimums.requests, '')]
      : []),
    ...(minimums.users < usual.minimums.users
      ? [describe('users at a step', minimums.users, usual.minimums.users, '')]
      : []),
    ...(interval_seconds < usual.interval_seconds
      ? [describe('time at a step', interval_seconds, usual.interval_seconds, ' s')]
      : []),
    ...(slow_seconds !== usual.slow_seconds
      ? [describe('time above the latency line', slow_seconds, usual.slow_seconds, ' s')]
      : []),
    ...(error_budget_percent > usual.error_budget_percent
      ? [describe('error budget', error_budget_percent, usual.error_budget_percent, ' %')]
      : []),
  ];
}
