import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Failure } from '../base/failures.js';
import { sendProblem } from './problem.js';

/**
 * Answers 404 for unknown paths, and 405 for known paths with other methods. For all routes that are added after it.
 */
export function registerNotFound(app: FastifyInstance, hint = 'See /openapi.json for what there is.'): RouteMethods {
  const methods = watchRouteMethods(app);
  app.setNotFoundHandler(async (request, reply) => {
    if (await methods.refuse(request, reply)) return;
    const sentence = `There is nothing at ${request.method} ${request.routeOptions.url ?? request.url.split('?')[0]}.`;
    await sendProblem(reply, new Failure('not_found', sentence, { hint }));
  });
  return methods;
}

/** Which methods an app serves at a path. */
export interface RouteMethods {
  /** Answers 405 with `Allow` for a path with other methods; returns false and sends nothing for an unknown path. */
  refuse(request: FastifyRequest, reply: FastifyReply): Promise<boolean>;
}

/** Records routes from now on, except catch-all routes, which end in `*`. */
function watchRouteMethods(app: FastifyInstance): RouteMethods {
  const served = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    if (url.endsWith('*')) return;
    const methods = served.get(url) ?? new Set();
    for (const one of [method].flat()) methods.add(one);
    served.set(url, methods);
  });
  const methodsAt = (path: string) =>
    new Set([...served].flatMap(([pattern, methods]) => (matches(pattern, path) ? [...methods] : [])));
  return {
    async refuse(request, reply) {
      const [path = ''] = request.url.split('?');
      const methods = [...methodsAt(path)].sort();
      if (methods.length === 0) return false;
      const allow = methods.join(', ');
      reply.header('allow', allow);
      await sendProblem(
        reply,
        new Failure('invalid_input', `This path takes ${allow}.`, { hint: 'Use one of them.' }),
        405,
      );
      return true;
    },
  };
}

function matches(pattern: string, path: string): boolean {
  const [wanted, given] = [pattern.split('/'), path.split('/')];
  return (
    wanted.length === given.length &&
    wanted.every((part, index) => (part.startsWith(':') ? given[index] !== '' : part === given[index]))
  );
}
