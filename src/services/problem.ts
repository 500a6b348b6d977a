import type { FastifyInstance, FastifyReply } from 'fastify';
import { type Static, Type } from 'typebox';
import { Failure, type FailureType, failureRule, kindAndPlace, toFailure } from '../failures.js';

/** RFC 9457, as every error of every service is told. */
export const problemSchema = Type.Object(
  {
    type: Type.String({ description: 'the failure type, from a closed set' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'one sentence: what is wrong' }),
    hint: Type.String({ description: 'what to do next' }),
    field: Type.Optional(Type.String({ description: 'the part of the request that is wrong' })),
    actions: Type.Optional(Type.Array(Type.String(), { description: 'what is possible instead' })),
  },
  { $id: 'Problem', additionalProperties: true },
);
export type Problem = Static<typeof problemSchema>;

export function problemOf(failure: Failure, status: number = failureRule(failure.type).httpStatus): Problem {
  const { field, actions } = failure.details;
  return {
    type: failure.type,
    title: failure.type.replaceAll('_', ' '),
    status,
    detail: failure.message,
    hint: failure.hint,
    ...(typeof field === 'string' ? { field } : {}),
    ...(Array.isArray(actions) ? { actions: actions.map(String) } : {}),
  };
}

export async function sendProblem(reply: FastifyReply, failure: Failure, status?: number): Promise<void> {
  const problem = problemOf(failure, status);
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
  await reply.code(problem.status).type('application/problem+json').send(JSON.stringify(problem));
}

/**
 * Every error of an app leaves as a problem: never a stack, never a server's own text. `translate` knows the errors of
 * the technology behind the app.
 */
export function registerProblems(app: FastifyInstance, translate: (error: unknown) => Failure | undefined): void {
  app.setErrorHandler(async (error, request, reply) => {
    const failure = requestFailure(error) ?? toFailure(error, translate);
    const status = requestStatus(error);
    const known = { type: failure.type, detail: failure.message };
    if ((status ?? failureRule(failure.type).httpStatus) >= 500)
      request.log.error({ ...known, cause: causeOf(failure) }, 'request failed');
    else request.log.info(known, 'request refused');
    await sendProblem(reply, failure, status);
  });
}

function causeOf(failure: Failure): string | undefined {
  return failure.cause instanceof Error ? kindAndPlace(failure.cause, 1) : undefined;
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

/** Fastify's own refusals, in one sentence each; the field is named, its value is not repeated. */
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
  const sentences: Readonly<Record<number, string>> = {
    400: 'The request could not be read: its body is not valid JSON, or its headers contradict it.',
    413: 'The body is larger than 1 MiB.',
    415: 'The body must be application/json.',
  };
  return new Failure('invalid_input', sentences[known.statusCode] ?? 'The request could not be read.');
}

/** The problem types a route may answer with, for its schema. */
export function problemResponses(...types: readonly FailureType[]) {
  const statuses = new Set(types.map((type) => failureRule(type).httpStatus));
  const response = {
    description: 'Problem',
    content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
  };
  return Object.fromEntries([...statuses].map((status) => [status, response]));
}
