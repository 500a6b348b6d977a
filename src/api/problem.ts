import { type Static, Type } from 'typebox';
import { type FailureType, failureRule } from '../base/failures.js';

/** RFC 9457: the form of every error of every service. */
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

/** The problem types a route may answer with, for its schema. */
export function problemResponses(...types: readonly FailureType[]) {
  const statuses = new Set(types.map((type) => failureRule(type).httpStatus));
  const response = {
    description: 'Problem',
    content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
  };
  return Object.fromEntries([...statuses].map((status) => [status, response]));
}
