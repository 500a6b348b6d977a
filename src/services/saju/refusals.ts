import type { FastifyInstance } from 'fastify';
import { Failure } from '../../base/failures.js';
import { sendProblem } from '../../http/problem.js';

/** A request that the saju service refuses: 400 when no birth could mend it, 422 when it can be read and cannot be. */
export class SajuRefusal extends Failure {
  constructor(
    readonly status: number,
    field: string,
    detail: string,
  ) {
    super('invalid_input', detail, { details: { field } });
  }
}

/** Refusals leave as the monolith words them; every other error is the host's to tell. */
export function registerRefusals(app: FastifyInstance): void {
  app.setErrorHandler(async (error, request, reply) => {
    const refusal = error instanceof SajuRefusal ? error : unreadable(error);
    // Thrown here it goes to the error handler of the app around these routes.
    if (refusal === undefined) throw error;
    request.log.info({ field: refusal.details.field, status: refusal.status }, 'request refused');
    await sendProblem(reply, refusal, refusal.status);
  });
}

const sentences: Readonly<Record<number, string>> = {
  413: 'The body is larger than 1 MiB.',
  415: 'The body must be application/json.',
};
const notJson = 'The request could not be read: its body is not valid JSON, or its headers contradict it.';

/** What Fastify itself could not read. */
function unreadable(error: unknown): SajuRefusal | undefined {
  if (error instanceof Failure || !(error instanceof Error) || !('statusCode' in error)) return undefined;
  const status = Number(error.statusCode);
  if (!(status >= 400 && status < 500)) return undefined;
  return new SajuRefusal(status, 'body', sentences[status] ?? notJson);
}

/**
 * JSON as the monolith reads it: nothing where the body is empty, as clients send the content type with an empty DELETE,
 * and a member named `__proto__` is one that does not exist, not a body that cannot be read.
 */
export function registerBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('text/plain', { parseAs: 'string' }, (_, body, done) => done(null, body));
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_, body, done) => {
    try {
      done(null, body === '' ? undefined : JSON.parse(String(body)));
    } catch {
      done(new SajuRefusal(400, 'body', notJson));
    }
  });
}
