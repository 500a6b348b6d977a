import type { FastifyInstance, FastifyReply } from 'fastify';

/** An error as the service answers it (RFC 9457); `field` is the part of the request that is wrong. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly type: string,
    readonly detail: string,
    readonly field?: string,
  ) {
    super(detail);
  }
}

/** What no birth could mend: a text for a number, a member missing or unknown. */
export function malformed(field: string, detail: string): Problem {
  return new Problem(400, 'invalid_input', detail, field);
}

/** Well-formed, and cannot be. */
export function impossible(field: string, detail: string): Problem {
  return new Problem(422, 'invalid_input', detail, field);
}

export function notFound(detail: string): Problem {
  return new Problem(404, 'not_found', detail);
}

function wrongMethod(allow: readonly string[]): Problem {
  return new Problem(405, 'invalid_input', `This path takes ${allow.join(', ')}.`);
}

/** Whether a route, as it was declared, is the one of a path. */
function isAt(pattern: string, path: string): boolean {
  return new RegExp(`^${pattern.replaceAll(/:\w+/g, '[^/]+')}$`).test(path);
}

/** What a service says in problems of its own. */
export interface ProblemWords {
  readonly notFound: string;
  readonly bodyTooLarge: string;
}

export function sendProblem(
  reply: FastifyReply,
  { status, type, detail, field }: Problem,
  { notFound: missing }: ProblemWords,
): FastifyReply {
  const hints: Readonly<Record<string, string>> = { ...hintsOfAll, not_found: missing };
  const title = type.replaceAll('_', ' ');
  return reply
    .code(status)
    .type('application/problem+json')
    .send(
      JSON.stringify({
        type,
        title,
        status,
        detail,
        hint: status === 405 ? 'Use one of them.' : (hints[type] ?? ''),
        ...(field ? { field } : {}),
      }),
    );
}

const hintsOfAll: Readonly<Record<string, string>> = {
  invalid_input: 'Correct the named field and send it again.',
  unexpected: 'Try again later.',
};

/** Every error leaves as a problem; the text of an unknown one never does. */
export function registerProblems(app: FastifyInstance, words: ProblemWords): void {
  const served = new Map<string, string[]>();
  app.addHook('onRoute', ({ url, method }) => {
    served.set(url, [...(served.get(url) ?? []), ...[method].flat()]);
  });
  app.setNotFoundHandler((request, reply) => {
    const [path = ''] = request.url.split('?');
    const allow = [...served].flatMap(([pattern, methods]) => (isAt(pattern, path) ? methods : []));
    if (allow.length === 0) return sendProblem(reply, notFound('There is no such route.'), words);
    return sendProblem(reply.header('allow', allow.sort().join(', ')), wrongMethod(allow), words);
  });
  app.setErrorHandler((error, _, reply) => sendProblem(reply, problemOf(error, words), words));
}

export function problemOf(error: unknown, { bodyTooLarge }: ProblemWords): Problem {
  if (error instanceof Problem) return error;
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (status >= 400 && status < 500)
    return new Problem(status, 'invalid_input', { 413: bodyTooLarge, 415: notOfJson }[status] ?? unreadable, 'body');
  // What a server or a parser says may quote a record.
  console.error(kindAndPlace(error));
  return new Problem(500, 'unexpected', 'Something went wrong.');
}

/** Of an error what holds no contents: its kind, its code, and where it was thrown. */
function kindAndPlace(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const code = 'code' in error ? ` (${String(error.code)})` : '';
  const { message, stack = '' } = error;
  const [, ...places] = stack.slice(Math.max(0, stack.indexOf(message)) + message.length).split('\n');
  return [`${error.name}${code}`, ...places.slice(0, 6)].join('\n');
}

const unreadable = 'The request could not be read: its body is not valid JSON, or its headers contradict it.';
const notOfJson = 'The body must be application/json.';
