/** One thing that a plan did or found, in a sentence. */
export interface RecordedStep {
  readonly step: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly sentence: string;
}
