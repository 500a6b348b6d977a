/** RFC 9457, as every service behind the gateway tells its errors. */
export interface Problem {
  /** The failure type, from a closed set; `about:blank` when something on the way answered that knows no problems. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** One sentence: what is wrong. */
  readonly detail: string;
  /** What to do next. */
  readonly hint?: string;
  /** The member of the request that is wrong. */
  readonly field?: string;
  /** What is possible instead. */
  readonly actions?: readonly string[];
}

/** Why a call brought no answer. */
export type CallFailure =
  | {
      /** An answer other than 2xx. */
      readonly kind: 'refused';
      readonly status: number;
      readonly problem: Problem;
      /** Seconds after which to ask again, when the answer says so. */
      readonly retryAfterSeconds?: number;
    }
  /** A 2xx answer that is not what was asked for, or broke off. */
  | { readonly kind: 'unreadable'; readonly status: number }
  /** No answer: no connection, or it was lost. Whether the request was carried out nobody knows. */
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'timed_out'; readonly millis: number }
  /** The caller's own signal; its reason is the error's `cause`. */
  | { readonly kind: 'aborted' };

/** The one error that a call rejects with; `failure` says which of the few kinds it is. */
export class CubeAPIError extends Error {
  readonly failure: CallFailure;
  /** What was asked, without query and contents: `POST /api/saju/calculate`. */
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

  /** What a service said about its refusal. */
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
