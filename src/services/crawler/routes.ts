import type { FastifyInstance, FastifyReply } from 'fastify';
import type pg from 'pg';
import { Failure } from '../../base/failures.js';
import { readCrawlerCursor, readJobId, writeJobPage, writeJobView } from '../../domain/crawler/crawler-job.js';
import { pageOfResults, readResultFormat, resultFormats } from '../../domain/crawler/result-page.js';
import type { LegacyCalls } from '../../http/legacy-calls.js';
import { RequestRefusal, registerErrorHandler } from '../../http/request-errors.js';
import type { RouteMethods } from '../../http/route-methods.js';
import type { JobRows, OwnJob } from './job-rows.js';
import { mediaTypes, writeResults } from './result-formats.js';

export interface CrawlerRoutesOptions {
  readonly rows: JobRows;
  /** The monolith's crawler, which has the jobs that the cube does not run. */
  readonly legacy: LegacyCalls;
  /** Runs work under the lock of a job. */
  readonly locked: <T>(id: string, work: (client: pg.ClientBase) => Promise<T>) => Promise<T>;
}

type ById = { readonly Params: { readonly id: string } };

/** The routes of the monolith's crawler service. The cube acts on a job that it runs; of any other one legacy is called. */
export function registerCrawlerRoutes(
  app: FastifyInstance,
  { rows, legacy, locked }: CrawlerRoutesOptions,
  methods: RouteMethods,
): void {
  registerErrorHandler(app);
  app.removeAllContentTypeParsers();
  // Legacy reads the body; of other requests it does not matter.
  app.addContentTypeParser('*', { parseAs: 'string' }, (_, body, done) => done(null, body));

  app.post<{ Body: string | undefined }>('/jobs', async ({ body }, reply) => legacy.passOn(reply, body));

  app.get('/jobs', async ({ query }, reply) => {
    const after = readCrawlerCursor(query);
    if (after === undefined) throw wrongCursor();
    return sendJson(reply, writeJobPage(await rows.list(after)));
  });

  app.get<ById>('/jobs/:id', async ({ params }, reply) => {
    const id = readJobId(params.id);
    if (id === undefined) throw noJob();
    const own = await rows.find(id);
    return own === undefined ? locked(id, () => legacy.passOn(reply, undefined)) : sendJob(reply, own);
  });

  for (const word of ['start', 'pause'] as const)
    app.post<ById>(`/jobs/:id/${word}`, async ({ params }, reply) => {
      const id = readJobId(params.id);
      if (id === undefined) throw noJob();
      const own = await locked(id, async (client) => {
        const changed = await rows[word](client, id);
        if (changed === undefined) await legacy.passOn(reply, undefined, { isRepeatable: true });
        return changed;
      });
      return own === undefined ? reply : sendJob(reply, own);
    });

  app.get<ById>('/jobs/:id/results', async ({ params, query }, reply) => {
    const after = readCrawlerCursor(query);
    if (after === undefined) throw wrongCursor();
    const format = readResultFormat(query);
    if (format === undefined) throw new RequestRefusal(400, 'format', `format is one of ${resultFormats.join(', ')}.`);
    const id = readJobId(params.id);
    if (id === undefined || !(await rows.isKnown(id))) throw noJob();
    const page = pageOfResults(await rows.results(id, after));
    // Its JSON has the cursor of the next page, other formats have no place for it.
    if (format !== 'json' && page.next !== null) reply.header('x-next-cursor', page.next);
    return reply.type(mediaTypes[format]).header('cache-control', 'no-store').send(writeResults(format, page));
  });

  app.all('/*', async (request, reply) => {
    if (await methods.refuse(request, reply)) return;
    throw new Failure('not_found', 'There is no such route.', { hint });
  });
}

function sendJob(reply: FastifyReply, { job, activity }: OwnJob): FastifyReply {
  return sendJson(reply, writeJobView(job, activity));
}

/** A job may change at any time. */
function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply.type('application/json; charset=utf-8').header('cache-control', 'no-store').send(text);
}

/** The monolith's exact words: both sides answer a client alike. */
const hint = 'List what exists with GET /jobs.';

function noJob(): Failure {
  return new Failure('not_found', 'There is no such job.', { hint });
}

function wrongCursor(): RequestRefusal {
  return new RequestRefusal(400, 'cursor', 'cursor is none that a page gave.');
}
