import { setTimeout as sleep } from 'node:timers/promises';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { problemResponses } from '../../../api/problem.js';
import { idParameter, security } from '../../../api/schemas.js';
import { endedStatuses, type MigrationView } from '../../../domain/migration/migration.js';
import type { ControlDependencies } from '../dependencies.js';
import { knownMigration } from './steering.js';

const lookEveryMillis = 400;
const aliveEveryMillis = 15_000;

type EventName = 'progress' | 'stage' | 'rest' | 'end';

/**
 * Server-sent events of a migration, each with the body of GET; the first comes at once, `end` is the last. They end with
 * the token they were asked for with.
 */
export function registerEventRoutes(app: FastifyInstance, deps: ControlDependencies): void {
  app.withTypeProvider<TypeBoxTypeProvider>().get(
    '/v1/migrations/:id/events',
    {
      onRequest: deps.authorization.require('migration:read'),
      schema: {
        security,
        summary: 'Follow a migration as server-sent events: progress, stage, rest, end',
        params: idParameter,
        response: {
          200: {
            description: 'Each event carries the body of GET /v1/migrations/{id}',
            content: { 'text/event-stream': { schema: { type: 'string' } } },
          },
          ...problemResponses('invalid_input', 'unauthorized', 'forbidden', 'not_found'),
        },
      },
    },
    async (request, reply) => {
      let view = await knownMigration(deps, request.params.id);
      const left = new AbortController();
      request.raw.once('close', () => left.abort());
      deps.closing.addEventListener('abort', () => left.abort(), { once: true });
      reply.hijack();
      reply.raw.writeHead(200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        connection: 'keep-alive',
      });
      let last: MigrationView | undefined;
      let toldAt = Date.now();
      try {
        while (!left.signal.aborted && deps.authorization.isStillValid(request)) {
          const name = eventFor(last, view);
          if (name !== undefined) {
            reply.raw.write(`event: ${name}\ndata: ${JSON.stringify(view)}\n\n`);
            last = view;
            toldAt = Date.now();
          } else if (Date.now() - toldAt > aliveEveryMillis) {
            reply.raw.write(': alive\n\n');
            toldAt = Date.now();
          }
          if (name === 'end') break;
          await sleep(lookEveryMillis, undefined, { signal: left.signal }).catch(() => undefined);
          view = await knownMigration(deps, request.params.id).catch(() => view);
        }
      } finally {
        reply.raw.end();
      }
    },
  );
}

function eventFor(last: MigrationView | undefined, view: MigrationView): EventName | undefined {
  if (endedStatuses.has(view.status)) return 'end';
  const moved = last === undefined || last.status !== view.status || last.stage !== view.stage;
  if (moved) return view.status === 'running' ? 'stage' : 'rest';
  return JSON.stringify(last?.progress) === JSON.stringify(view.progress) ? undefined : 'progress';
}
