import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Problem } from '../api/problem.js';
import { Failure, failureRule, kindAndPlace, toFailure } from '../base/failures.js';
import { itemFailureHeader } from '../upstream/upstream.js';

/**
 * The decorator of an app whose problems say what is safe, too. Cubes leave that out: their answers are those of the legacy
 * service, member by member.
 */
export const withSafe = 'withSafe';

export function problemOf(failure: Failure, status: number = failureRule(failure.type).httpStatus): Problem {
  const { field, reason, actions } = failure.details;
  return {
    type: failure.type,
    title: failure.type.replaceAll('_', ' '),
    status,
    detail: failure.message,
    hint: failure.hint,
    ...(typeof field === 'string' ? { field } : {}),
    ...(typeof reason === 'string' ? { reason } : {}),
    ...(Array.isArray(actions) ? { actions: actions.map(String) } : {}),
  };
}

export async function sendProblem(reply: FastifyReply, failure: Failure, status?: number): Promise<void> {
  const { safe } = failure;
  const problem = { ...problemOf(failure, status), ...(reply.server.hasDecorator(withSafe) ? { safe } : {}) };
  const { retryAfterSeconds, isOfItem } = failure.details;
  if (isOfItem === true) reply.header(itemFailureHeader, '1');
  if (typeof retryAfterSeconds === 'number') reply.header('retry-after', retryAfterSeconds);
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
  await reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}

/**
 * Answers every error of an app with a problem: never a stack, never the text of a server. `translate` handles the errors of
 * the technology behind the app.
 */
export function registerProblems(app: FastifyInstance, translate: (error: unknown) => Failure | undefined): void {
  app.setErrorHandler(async (error, request, reply) => {
    const failure = requestFailure(error) ?? toFailure(error, translate);
    const status = requestStatus(error);
    const known = { type: failure.type, detail: failure.message };
    if ((status ?? failureRule(failure.type).httpStatus) >= 500)
      request.log.error({ ...known, cause: causeOf(failure) }, 'request failed');
    // What is not there is an answer like another: `status` asks of every cube whether it has a ramp.
    else if (failure.type === 'not_found') request.log.debug(known, 'request refused');
    else request.log.info(known, 'request refused');
    await sendProblem(reply, failure, status);
  });
}

/** The message of a failure quotes no record; of another error its code says more than its kind. */
function causeOf({ cause }: Failure): string | undefined {
  if (cause instanceof Failure) return `${cause.type}: ${cause.message}`;
  if (!(cause instanceof Error)) return undefined;
  const place = kindAndPlace(cause, 1);
  return 'code' in cause && typeof cause.code === 'string' ? `${cause.code} ${place}` : place;
}

interface RequestError {
  readonly code: string;
  readonly statusCode: number;
  readonly validation?: readonly {
    readonly instancePath: string;
    readonly message?: string;
    readonly params?: Record<string, unknown>;
  }[];
  readonly validationContext?: string;
}

function asRequestError(error: unknown): RequestError | undefined {
  return error instanceof Error && 'statusCode' in error && 'code' in error && typeof error.statusCode === 'number'
    ? (error as Error & RequestError)
    : undefined;
}

function requestStatus(error: unknown): number | undefined {
  const known = asRequestError(error);
  return known !== undefined && known.statusCode < 500 ? known.statusCode : undefined;
}

/** Fastify's own refusals, one sentence each, with the name of the field and never its value. */
function requestFailure(error: unknown): Failure | undefined {
  const known = asRequestError(error);
  if (known === undefined || known.statusCode >= 500) return undefined;
  const [first] = known.validation ?? [];
  if (first !== undefined) {
    const extra = first.params?.additionalProperty ?? first.params?.missingProperty;
    const field = [
      known.validationContext ?? 'body',
      ...first.instancePath.split('/').filter((part) => part !== ''),
      ...(typeof extra === 'string' ? [extra] : []),
    ].join('.');
    return new Failure('invalid_input', `${field} ${first.message ?? 'is not valid'}.`, { details: { field } });
  }
  const [sentence, hint] = unread[known.statusCode] ?? ['The request could not be read.', 'Send it well-formed.'];
  return new Failure('invalid_input', sentence, { hint });
}

/** Why a body was not read, and what to send instead. */
const unread: Readonly<Record<number, readonly [string, string]>> = {
  400: [
    'The request could not be read: its body is not valid JSON, or its headers contradict it.',
    'Send valid JSON, of the length that the headers name.',
  ],
  413: ['The body is larger than 1 MiB.', 'Send a smaller body.'],
  415: ['The body must be application/json.', 'Send JSON, with `Content-Type: application/json`.'],
};
