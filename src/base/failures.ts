/**
 * The closed set of failure types, and the one door through which an unknown error becomes one of them.
 * Pure: importable from workflows, activities, services and the command line alike.
 */

/** Who has to act on a failure. */
export type FailureActor = 'engine' | 'operator' | 'caller';

interface FailureRule {
  /** Whether a retry can succeed without a change to the request or to the engine. */
  readonly retryable: boolean;
  readonly actor: FailureActor;
  /** What the control API answers when a request ends in it. */
  readonly httpStatus: number;
  /** What did not happen, or is not lost, one sentence, unless the place of failure knows better. */
  readonly safe: string;
  /** What to do next, one sentence, unless the place of failure knows better. */
  readonly hint: string;
}

/** Ends a hint while the step is still retried. */
const continues = '; the run continues by itself.';

const unchanged = 'Nothing was changed.';
const committed = 'Nothing that was committed is lost.';
const unknownEffect = 'Whether the request had an effect is unknown.';

const rules = {
  invalid_input: {
    retryable: false,
    actor: 'caller',
    httpStatus: 400,
    safe: unchanged,
    hint: 'Correct the named field and send it again.',
  },
  unauthorized: {
    retryable: false,
    actor: 'caller',
    httpStatus: 401,
    safe: unchanged,
    hint: 'Send a valid cube token as `Authorization: Bearer …`; `cubeshift token --cube-id ID --permissions LIST` prints one.',
  },
  forbidden: {
    retryable: false,
    actor: 'caller',
    httpStatus: 403,
    safe: unchanged,
    hint: 'Use a token that holds the named permission.',
  },
  rate_limited: {
    retryable: false,
    actor: 'caller',
    httpStatus: 429,
    safe: 'The request was not carried out.',
    hint: 'Wait for as many seconds as Retry-After says, then send it again.',
  },
  not_found: {
    retryable: false,
    actor: 'caller',
    httpStatus: 404,
    safe: unchanged,
    hint: 'List what exists with `cubeshift migrate list` or `cubeshift status`.',
  },
  conflict: {
    retryable: false,
    actor: 'caller',
    httpStatus: 409,
    safe: unchanged,
    hint: 'Look at what is under way with `cubeshift status`, then decide.',
  },
  not_at_this_stage: {
    retryable: false,
    actor: 'caller',
    httpStatus: 409,
    safe: unchanged,
    hint: 'Use one of the actions named.',
  },
  too_many_instances: {
    retryable: false,
    actor: 'caller',
    httpStatus: 409,
    safe: 'What runs continues to run, unchanged.',
    hint: 'Name fewer, scale other versions down with `cubeshift cubes scale`, or raise MAX_INSTANCES_PER_CUBE.',
  },
  configuration_invalid: {
    retryable: false,
    actor: 'operator',
    httpStatus: 500,
    safe: unchanged,
    hint: 'Correct the environment variable and start again.',
  },
  legacy_unreachable: {
    retryable: true,
    actor: 'operator',
    httpStatus: 503,
    safe: committed,
    hint: `Bring the legacy database back${continues}`,
  },
  cube_unreachable: {
    retryable: true,
    actor: 'operator',
    httpStatus: 503,
    safe: committed,
    hint: `Bring the cube database back${continues}`,
  },
  temporal_unreachable: {
    retryable: true,
    actor: 'operator',
    httpStatus: 503,
    safe: 'Nothing is lost: migrations continue where they were once it is back.',
    hint: 'Bring the Temporal server back (`cubeshift check` shows what is wrong with it), then repeat the call.',
  },
  redis_unreachable: {
    retryable: true,
    actor: 'operator',
    httpStatus: 503,
    safe: 'No data is lost; gateways continue with the last weights that they know.',
    hint: 'Bring the Redis server back (`cubeshift status` shows when it answers).',
  },
  upstream_unavailable: {
    retryable: true,
    actor: 'engine',
    httpStatus: 503,
    safe: 'The request was not passed on to a service.',
    hint: 'Try again in a few seconds.',
  },
  upstream_failed: {
    retryable: true,
    actor: 'engine',
    httpStatus: 502,
    safe: unknownEffect,
    hint: 'Look whether the request had an effect before repeating it.',
  },
  upstream_timeout: {
    retryable: true,
    actor: 'engine',
    httpStatus: 504,
    safe: unknownEffect,
    hint: 'Look whether the request had an effect before repeating it.',
  },
  answer_too_large: {
    retryable: false,
    actor: 'operator',
    httpStatus: 502,
    safe: unknownEffect,
    hint: 'Ask for less at a time.',
  },
  metrics_unreachable: {
    retryable: true,
    actor: 'operator',
    httpStatus: 503,
    safe: 'No users were moved.',
    hint: 'Bring the gateways, or Prometheus, back; until then no ramp advances.',
  },
  control_unreachable: {
    retryable: true,
    actor: 'operator',
    httpStatus: 503,
    safe: 'Migrations and ramps that have begun continue; whether this request had an effect is unknown.',
    hint: 'Start it with `cubeshift up`, or set CONTROL_URL to where it is.',
  },
  registry_unreachable: {
    retryable: true,
    actor: 'operator',
    httpStatus: 503,
    safe: 'Nothing was started; what was fetched before is kept.',
    hint: 'Bring the network back, then type the same again.',
  },
  webhook_unreachable: {
    retryable: true,
    actor: 'operator',
    httpStatus: 503,
    safe: 'The rollback waits, and changes nothing until a person answers.',
    hint: 'Check that ESCALATION_WEBHOOK_URL is right and answers 2xx.',
  },
  disk_full: {
    retryable: true,
    actor: 'operator',
    httpStatus: 503,
    safe: committed,
    hint: `Free disk space on the named server${continues}`,
  },
  database_overloaded: {
    retryable: true,
    actor: 'operator',
    httpStatus: 503,
    safe: committed,
    hint: `Free connections, memory or locks on the named server${continues}`,
  },
  storage_unreachable: {
    retryable: true,
    actor: 'operator',
    httpStatus: 503,
    safe: committed,
    hint: `Bring the store of CUBE_STORAGE_URL back, readable and writable for the engine${continues}`,
  },
  legacy_files_unreachable: {
    retryable: true,
    actor: 'operator',
    httpStatus: 503,
    safe: committed,
    hint: `Bring legacy's folder back, readable for the engine, or correct the variable and start the engine again${continues}`,
  },
  legacy_schema_mismatch: {
    retryable: false,
    actor: 'operator',
    httpStatus: 422,
    safe: committed,
    hint: 'Point LEGACY_DATABASE_URL at the HEAL7 database, or fix the named table or column.',
  },
  cube_schema_mismatch: {
    retryable: false,
    actor: 'operator',
    httpStatus: 422,
    safe: committed,
    hint: 'Point CUBE_DATABASE_URL at a database whose ledger and tables of cubes this engine made.',
  },
  encoding_unsupported: {
    retryable: false,
    actor: 'operator',
    httpStatus: 422,
    safe: committed,
    hint: 'Only databases encoded in UTF8 can be carried byte for byte; convert it first.',
  },
  permission_denied: {
    retryable: false,
    actor: 'operator',
    httpStatus: 422,
    safe: committed,
    hint: 'Give the role the GRANTs that `cubeshift check` and the README name.',
  },
  target_occupied: {
    retryable: false,
    actor: 'operator',
    httpStatus: 422,
    safe: 'No row in the target was changed.',
    hint: 'Point CUBE_DATABASE_URL at a database of its own for the cubes, or at the one whose ledger owns these rows; they were left as they are.',
  },
  too_many_rejects: {
    retryable: false,
    actor: 'operator',
    httpStatus: 409,
    safe: 'The run waits; rejected rows are kept with their contents.',
    hint: 'Look at them with `cubeshift migrate rejects ID`; correct the rows in legacy and add --retry, or accept them with --accept.',
  },
  verification_mismatch: {
    retryable: false,
    actor: 'operator',
    httpStatus: 409,
    safe: 'The run waits; the verification has only read.',
    hint: 'Look at them with `cubeshift migrate status ID`; then `cubeshift migrate repair ID`, or `verify` again.',
  },
  claim_lost: {
    retryable: true,
    actor: 'engine',
    httpStatus: 500,
    safe: committed,
    hint: 'Nothing to do: another worker holds the range and continues it.',
  },
  step_stalled: {
    retryable: true,
    actor: 'engine',
    httpStatus: 500,
    safe: committed,
    hint: 'Nothing to do: the step is tried again from the ledger. If it stays, see whether the databases answer.',
  },
  ledger_newer: {
    retryable: true,
    actor: 'operator',
    httpStatus: 503,
    safe: 'Nothing was changed: a program does not write to a ledger that is newer than itself.',
    hint: 'Update this program to the version that wrote the ledger.',
  },
  undo_incomplete: {
    retryable: false,
    actor: 'operator',
    httpStatus: 500,
    safe: 'What the error does not list was undone.',
    hint: 'Fix what the error names, then start another migration of the kind and roll it back: it goes on from where this one stopped.',
  },
  unexpected: {
    retryable: true,
    actor: 'engine',
    httpStatus: 500,
    safe: committed,
    hint: 'See the log of the worker for this migration; report it if it stays.',
  },
} as const satisfies Record<string, FailureRule>;

export type FailureType = keyof typeof rules;

export const failureTypes = Object.keys(rules) as readonly FailureType[];

/** The rule of one failure type. */
export function failureRule(type: FailureType): FailureRule {
  return rules[type];
}

/** The hint of a failure that blocked a run: what to fix, and then to resume the run. */
export function hintToResume(hint: string, migrationId: string): string {
  return `${hint.replace(continues, '.')} Then type \`cubeshift migrate resume ${migrationId}\`.`;
}

export function isFailureType(type: unknown): type is FailureType {
  return typeof type === 'string' && Object.hasOwn(rules, type);
}

/**
 * An error of a known type. `message` is one sentence for a person, without record contents, secrets or stack: what
 * happened. `safe` says what did not, and `hint` what to do next. `details` carries ids and counts only.
 */
export class Failure extends Error {
  readonly type: FailureType;
  readonly safe: string;
  readonly hint: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    type: FailureType,
    message: string,
    options: { safe?: string; hint?: string; cause?: unknown; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'Failure';
    this.type = type;
    // An empty sentence says nothing: the rule's own serves.
    this.safe = options.safe || rules[type].safe;
    this.hint = options.hint || rules[type].hint;
    this.details = options.details ?? {};
  }

  get retryable(): boolean {
    return rules[this.type].retryable;
  }
}

/** What leaves the program about a failure: on the wire, in the ledger, in a workflow's history. */
export interface FailureReport {
  readonly type: FailureType;
  readonly message: string;
  readonly hint: string;
}

export function reportFailure(failure: Failure): FailureReport {
  return { type: failure.type, message: failure.message, hint: failure.hint };
}

/**
 * The one door: whatever was thrown, as a `Failure`. `translate` knows the errors of one technology
 * (PostgreSQL, Temporal, …) and returns undefined for those it does not know.
 * The text of an unknown error never leaves through `message`: it may quote record contents. It stays as `cause`, for the log.
 */
export function toFailure(error: unknown, translate?: (error: unknown) => Failure | undefined): Failure {
  if (error instanceof Failure) return error;
  const translated = translate?.(error);
  if (translated !== undefined) return translated;
  const name = error instanceof Error ? error.name : typeof error;
  return new Failure('unexpected', `An error that the engine does not know (${name}) stopped this step.`, {
    cause: error,
  });
}

/**
 * Kind and place of an error, for the log. Only what follows the message in its stack: a message of several lines may
 * quote a row, and may look like anything.
 */
export function kindAndPlace(error: Error, frames: number): string {
  const { name, message, stack = '' } = error;
  const start = stack.indexOf(message);
  const places =
    start === -1
      ? []
      : stack
          .slice(start + message.length)
          .split('\n')
          .slice(1, 1 + frames);
  return [name, ...places.map((place) => place.trim())].join(' ');
}
