import type { Side } from '../../domain/routing.js';
import { Failure } from '../../failures.js';
import type { AnswerHeaders } from './headers.js';

/**
 * Whether a cube's answer says that it belongs to another request: then a connection, or the cube, has mixed up its
 * callers, and the answer may be another user's. Every cube names in `X-Request-Id` the request that it answers
 * (request-context.ts); the monolith may use that header as it likes, and is not judged by it.
 */
export function namesAnother(
  side: Side,
  { requestId }: Pick<AnswerHeaders, 'requestId'>,
  ownRequestId: string,
): boolean {
  return side === 'cube' && requestId !== '' && requestId !== ownRequestId;
}

/** What its client is told instead. */
export function anothersAnswer(): Failure {
  return new Failure('upstream_failed', 'The service answered another request than this one.', {
    hint: 'Nothing of that answer was passed on. Repeat the request.',
  });
}
