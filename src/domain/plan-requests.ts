/** Requests to a plan, as the control API sends them and the plan receives them: with a proof of their origin. */

/** Shows that the control API sent a request: a program that only reaches Temporal cannot make one. */
export interface RequestProof {
  /** Unique to this request: a proof whose id comes a second time is not valid. */
  readonly id: string;
  /** When it was made, ISO 8601, UTC: it is good for a minute. */
  readonly at: string;
  /** HMAC-SHA256, in hexadecimal, of all that the request says. */
  readonly mac: string;
}

/** What a plan received: a start, an update, a signal, a cancellation. */
export interface ReceivedRequest {
  readonly workflowId: string;
  readonly runId: string;
  /** As the update or the signal is called; `start` and `cancel` for those. */
  readonly word: string;
  /** What came with it, the proof apart. */
  readonly payload: unknown;
  readonly proof?: RequestProof | undefined;
  /** By the plan's own clock, ISO 8601, UTC. */
  readonly receivedAt: string;
  /** Numbers what a run of a plan received. */
  readonly count: number;
  /** Whether the run had a request of the same id before. */
  readonly again: boolean;
}

export const proofMillis = 60_000;

/** The type of a plan's refusal of an update that comes at its very end: sent again it finds no plan, or the next one. */
export const planIsEndingType = 'plan_is_ending';
