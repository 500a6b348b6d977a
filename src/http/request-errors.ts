import type { FastifyInstance } from 'fastify';
import { Failure } from '../base/failures.js';
import { sendProblem } from './problem.js';

/** A refusal in the words of one of the monolith's services: 400 for a malformed request, 422 for an impossible one. */
export class RequestRefusal extends Failure {
  constructor(
    readonly status: number,
    field: string,
    detail: string,
  ) {
    super('invalid_input', detail, { details: { field } });
  }
}

/** Answers refusals in the monolith's words; the host answers every other error. */
export function registerErrorHandler(app: FastifyInstance, bodyTooLarge = 'The body is larger than 1 MiB.'): void {
  app.setErrorHandler(async (error, request, reply) => {
    const refusal = error instanceof RequestRefusal ? error : unreadable(error, bodyTooLarge);
    // The error handler of the enclosing app receives it.
    if (refusal === undefined) throw error;
    request.log.info({ field: refusal.details.field, status: refusal.status }, 'request refused');
    await sendProblem(reply, refusal, refusal.status);
  });
}

export const notJson = 'The request could not be read: its body is not valid JSON, or its headers contradict it.';

/** Fastify's own errors of parsing. */
function unreadable(error: unknown, bodyTooLarge: string): RequestRefusal | undefined {
  if (error instanceof Failure || !(error instanceof Error) || !('statusCode' in error)) return undefined;
  const status = Number(error.statusCode);
  if (!(status >= 400 && status < 500)) return undefined;
  const sentences: Readonly<Record<number, string>> = { 413: bodyTooLarge, 415: 'The body must be application/json.' };
  return new RequestRefusal(status, 'body', sentences[status] ?? notJson);
}

/**
 * JSON as the monolith parses it: undefined for an empty body, since clients send the content type with an empty DELETE; a member
 * named `__proto__` is ignored, not refused.
 */
export function registerBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('text/plain', { parseAs: 'string' }, (_, body, done) => done(null, body));
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_, body, done) => {
    try {
      done(null, body === '' ? undefined : JSON.parse(String(body)));
    } catch {
      done(new RequestRefusal(400, 'body', notJson));
    }
  });
}
