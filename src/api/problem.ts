import { type Static, Type } from 'typebox';
import { type FailureType, failureRule } from '../base/failures.js';

/** RFC 9457: the form of every error of every service. */
export const problemSchema = Type.Object(
  {
    type: Type.String({ description: 'the failure type, from a closed set' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'one sentence: what is wrong' }),
    safe: Type.Optional(
      Type.String({ description: 'one sentence: what did not happen, or is not lost; left out by cubes' }),
    ),
    hint: Type.String({ description: 'what to do next' }),
    field: Type.Optional(Type.String({ description: 'the part of the request that is wrong' })),
    reason: Type.Optional(Type.String({ description: 'why, where programs act on it: why a model cannot be run' })),
    actions: Type.Optional(Type.Array(Type.String(), { description: 'what is possible instead' })),
  },
  { $id: 'Problem', additionalProperties: true },
);
export type Problem = Static<typeof problemSchema>;

/** The problem types a route may answer with, for its schema: one response for each of their statuses. */
export function problemResponses(...types: readonly FailureType[]) {
  const statuses = new Set(types.map((type) => failureRule(type).httpStatus));
  return Object.fromEntries(
    [...statuses].map((status) => [
      status,
      problemResponse(
        status,
        types.filter((type) => failureRule(type).httpStatus === status),
      ),
    ]),
  );
}

/** A problem with this status and one of these types. */
export function problemResponse(status: number, types: readonly FailureType[]) {
  const named = [...new Set(types)].map((type) => `\`${type}\``).join(', ');
  return {
    description: `${meanings[status] ?? 'A problem.'} Type: ${named}.`,
    content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
  };
}

const meanings: Readonly<Record<number, string>> = {
  400: 'The request is not valid; `field` names the part.',
  401: 'No token, or one that is not valid or has expired.',
  403: 'The token lacks the permission that the call needs.',
  404: 'It does not exist.',
  409: 'It does not fit now; nothing was done. `actions` lists the actions of a migration that fit.',
  413: 'The body is too large.',
  414: 'The URL is too long.',
  415: 'The body has another content type than application/json.',
  422: 'The cube database lacks a right or a table that the engine needs.',
  429: 'Too many requests; `Retry-After` says when to send it again.',
  431: 'The request has too many headers.',
  500: 'The cube database answered with an error that the engine does not know.',
  503: 'A server does not answer; the same call may be sent again.',
};
