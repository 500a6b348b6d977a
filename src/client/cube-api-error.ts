/** RFC 9457: the error format of every service behind the gateway. */
export interface Problem {
  /** The failure type, from a closed set; `about:blank` for an answer of another program on the way. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** What is wrong, in one sentence. */
  readonly detail: string;
  /** What to do next. */
  readonly hint?: string;
  /** The member of the request that is wrong. */
  readonly field?: string;
  /** What is possible instead. */
  readonly actions?: readonly string[];
}

/** Why a call failed. */
export type CallFailure =
  | {
      /** An answer other than 2xx. */
      readonly kind: 'refused';
      readonly status: number;
      readonly problem: Problem;
      /** Seconds after which a retry may succeed, if the answer says so. */
      readonly retryAfterSeconds?: number;
    }
  /** A 2xx answer that is invalid or incomplete. */
  | { readonly kind: 'unreadable'; readonly status: number }
  /** No answer: no connection, or it was lost. The request may have been executed. */
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'timed_out'; readonly millis: number }
  /** The caller's own signal; its reason is the error's `cause`. */
  | { readonly kind: 'aborted' };

/** The error with which a call rejects; `failure` gives its kind. */
export class CubeAPIError extends Error {
  readonly failure: CallFailure;
  /** The request without query and body: `POST /api/saju/calculate`. */
  readonly call: string;

  constructor(call: string, failure: CallFailure, cause?: unknown) {
    super(`${call}: ${sentenceOf(failure)}`, cause === undefined ? undefined : { cause });
    this.name = 'CubeAPIError';
    this.call = call;
    this.failure = failure;
  }

  /** The HTTP status, when there was an answer. */
  get status(): number | undefined {
    return 'status' in this.failure ? this.failure.status : undefined;
  }

  /** The service's problem, for a refusal. */
  get problem(): Problem | undefined {
    return this.failure.kind === 'refused' ? this.failure.problem : undefined;
  }
}

function sentenceOf(failure: CallFailure): string {
  switch (failure.kind) {
    case 'refused':
      return `${failure.status} ${failure.problem.detail || failure.problem.title}`;
    case 'unreadable':
      return `the answer (${failure.status}) could not be read`;
    case 'unreachable':
      return 'no answer';
    case 'timed_out':
      return `no answer within ${failure.millis} ms`;
    case 'aborted':
      return 'aborted by the caller';
  }
}
