export const rampVerdicts = ['advance', 'hold', 'back', 'not_enough_evidence'] as const;
export type RampVerdict = (typeof rampVerdicts)[number];

/** What a decision rests on, for programs; the sentence is for people. */
export type Reason =
  | 'all_clear'
  | 'errors_at_once'
  /** An answer that belonged to another call, or a record of another user than legacy's. */
  | 'anothers_answer'
  | 'more_errors'
  /** The cube refuses what legacy accepts. */
  | 'more_refusals'
  /** The cube cannot write where its users' writes go. */
  | 'cannot_write'
  | 'not_ready'
  | 'too_slow'
  | 'shadow_mismatch'
  | 'metrics_missing'
  | 'burn_rate'
  | 'time_not_passed'
  /** In the time of a step, or half a minute of it, the cube got no request of a user. */
  | 'no_users'
  | 'few_requests'
  | 'few_users'
  /** All else is well: the latencies of the step are to be compared now. */
  | 'latencies_due'
  | 'slower';

export interface Decision {
  readonly verdict: RampVerdict;
  readonly reason: Reason;
  readonly sentence: string;
}
