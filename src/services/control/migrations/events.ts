import { isDeepStrictEqual } from 'node:util';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { problemResponses } from '../../../api/problem.js';
import { idParameter, ledgerFailures } from '../../../api/routes.js';
import { endedStatuses, type MigrationView } from '../../../domain/migration/migration.js';
import type { ControlDependencies } from '../dependencies.js';
import { knownMigration } from './views.js';

const tokenCheckMillis = 400;
const aliveMillis = 15_000;

type EventName = 'progress' | 'stage' | 'rest' | 'end';

/**
 * Server-sent events of a migration, each with the body of GET; the first comes at once, `end` is the last. A stream ends with
 * the token that opened it.
 */
export function registerEventRoutes(app: FastifyInstance, deps: ControlDependencies): void {
  app.withTypeProvider<TypeBoxTypeProvider>().get(
    '/v1/migrations/:id/events',
    {
      onRequest: deps.authorization.require('migration:read'),
      schema: {
        operationId: 'followMigration',
        tags: ['migrations'],
        summary: 'Follow a migration as server-sent events: progress, stage, rest, end',
        params: idParameter,
        response: {
          200: {
            description: 'Events, each with the body of GET /v1/migrations/{id}; `end` is the last.',
            content: { 'text/event-stream': { schema: { type: 'string' } } },
          },
          ...problemResponses('not_found', ...ledgerFailures),
        },
      },
    },
    async (request, reply) => {
      const first = await knownMigration(deps, request.params.id);
      reply.hijack();
      reply.raw.writeHead(200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        connection: 'keep-alive',
      });
      const stream = new EventStream((text) => reply.raw.write(text));
      const isOpen = () => deps.authorization.isStillValid(request);
      const stopWatching = deps.feed.watch(first, (view) => isOpen() && stream.show(view));
      const timer = setInterval(() => (isOpen() ? stream.keepAlive() : stream.end()), tokenCheckMillis);
      const end = () => stream.end();
      request.raw.once('close', end);
      deps.closing.addEventListener('abort', end, { once: true });
      if (deps.closing.aborted) end();
      stream.show(first);
      await stream.ended;
      clearInterval(timer);
      stopWatching();
      deps.closing.removeEventListener('abort', end);
      reply.raw.end();
    },
  );
}

/** One stream of events: writes what has changed since its last event, and ends with the run. */
class EventStream {
  end: () => void = () => undefined;
  readonly ended = new Promise<void>((resolve) => {
    this.end = resolve;
  });
  private last: MigrationView | undefined;
  private writtenAt = Date.now();

  constructor(private readonly write: (text: string) => void) {}

  show(view: MigrationView): void {
    const name = eventFor(this.last, view);
    if (name === undefined) return;
    this.send(`event: ${name}\ndata: ${JSON.stringify(view)}\n\n`);
    this.last = view;
    if (name === 'end') this.end();
  }

  /** Writes a comment where no event came for a while, so that nothing on the way takes the connection for dead. */
  keepAlive(): void {
    if (Date.now() - this.writtenAt > aliveMillis) this.send(': alive\n\n');
  }

  private send(text: string): void {
    this.write(text);
    this.writtenAt = Date.now();
  }
}

function eventFor(last: MigrationView | undefined, view: MigrationView): EventName | undefined {
  if (endedStatuses.has(view.status)) return 'end';
  const moved = last === undefined || last.status !== view.status || last.stage !== view.stage;
  if (moved) return view.status === 'running' ? 'stage' : 'rest';
  const same = last.pending === view.pending && isDeepStrictEqual(last.progress, view.progress);
  return same ? undefined : 'progress';
}
