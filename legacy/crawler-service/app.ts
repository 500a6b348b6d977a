import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type pg from 'pg';
import { parseJsonBodies } from '../json-bodies.js';
import { malformed, notFound, problemOf, registerProblems, sendProblem } from '../problem.js';
import type { AllowedTargets } from './allowed-targets.js';
import { Faults, registerFaultRoutes, strikeRoutes } from './faults.js';
import { HostVisits } from './host-visits.js';
import { writeJob, writeJobPage, writeResultPage } from './job-json.js';
import { readNewJob, unreadableCron } from './requests.js';
import { findJob, insertJob, type JobRow, listJobs, listResults } from './rows.js';
import { Scheduler } from './scheduler.js';

const words = {
  notFound: 'List what exists with GET /jobs.',
  bodyTooLarge: 'The body is larger than 4 MiB.',
};

export interface CrawlerServiceOptions {
  readonly pool: pg.Pool;
  readonly targets: AllowedTargets;
  /** How often the table is looked at. */
  readonly pollMillis?: number;
}

type ById = { readonly Params: { readonly id: string } };

/** The monolith's crawler without its listener. It runs the table's jobs from the moment that it is ready until it is closed. */
export function buildCrawlerService({ pool, targets, pollMillis = 500 }: CrawlerServiceOptions): FastifyInstance {
  const agent = targets.agent();
  const log = (text: string) => process.stderr.write(`legacy crawler service: ${text}\n`);
  const scheduler = new Scheduler({ pool, agent, visits: new HostVisits(), pollMillis, log });
  const faults = new Faults();
  const app = Fastify({
    bodyLimit: 4 * 1024 * 1024,
    routerOptions: { maxParamLength: 8192 },
    // A URL that cannot be decoded never reaches the error handler.
    frameworkErrors: (error, _, reply) => sendProblem(reply, problemOf(error, words), words),
  });
  registerProblems(app, words);
  parseJsonBodies(app);
  registerFaultRoutes(app, faults);
  app.get('/health', async () => ({ status: 'up', planted: faults.planted }));
  app.addHook('onReady', async () => scheduler.begin());
  app.addHook('onClose', async () => {
    await scheduler.close();
    await agent.close();
  });
  app.register(async (routes) => {
    strikeRoutes(routes, faults);
    registerJobRoutes(routes, pool, scheduler);
  });
  return app;
}

function registerJobRoutes(app: FastifyInstance, pool: pg.Pool, scheduler: Scheduler): void {
  const sendJob = (reply: FastifyReply, row: JobRow | undefined) => {
    if (row === undefined) throw noJob();
    return sendJson(reply, writeJob(row, { running: scheduler.isRunning(row.id), nextRun: scheduler.nextRun(row) }));
  };

  app.post('/jobs', async ({ body }, reply) => sendJob(reply.code(201), await insertJob(pool, readNewJob(body))));

  app.get('/jobs', async ({ query }, reply) => sendJson(reply, writeJobPage(await listJobs(pool, readCursor(query)))));

  app.get<ById>('/jobs/:id', async (request, reply) => sendJob(reply, await findJob(pool, readId(request))));

  app.get<ById>('/jobs/:id/results', async (request, reply) => {
    const after = readCursor(request.query);
    const job = await findJob(pool, readId(request));
    if (job === undefined) throw noJob();
    return sendJson(reply, writeResultPage(await listResults(pool, job.id, after)));
  });

  app.post<ById>('/jobs/:id/start', async (request, reply) => {
    const row = await scheduler.start(readId(request));
    if (row === 'unreadable') throw unreadableCron();
    return sendJob(reply, row);
  });

  app.post<ById>('/jobs/:id/pause', async (request, reply) => sendJob(reply, await scheduler.pause(readId(request))));
}

/** What is no id is that of no job. */
function readId({ params: { id } }: FastifyRequest<ById>): string {
  if (!/^[1-9]\d{0,18}$/.test(id) || BigInt(id) >= 2n ** 63n) throw noJob();
  return id;
}

function readCursor(query: unknown): string {
  const { cursor = '0' } = query as { readonly cursor?: unknown };
  if (typeof cursor !== 'string' || !/^\d{1,19}$/.test(cursor) || BigInt(cursor) >= 2n ** 63n)
    throw malformed('cursor', 'cursor is none that a page gave.');
  return cursor;
}

function noJob() {
  return notFound('There is no such job.');
}

/** A job may change at any time. */
function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply.type('application/json; charset=utf-8').header('cache-control', 'no-store').send(text);
}
