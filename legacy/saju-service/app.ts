import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type pg from 'pg';
import { isStorable } from '../body-fields.js';
import { parseJsonBodies } from '../json-bodies.js';
import { notFound, problemOf, registerProblems, sendProblem } from '../problem.js';
import { chartOf } from './chart.js';
import { type Faults, registerFaultRoutes } from './faults.js';
import {
  changeInterpretation,
  deleteRecord,
  findRecord,
  keepRecord,
  listRecords,
  newRecord,
  type SajuRecord,
  writeRecord,
} from './records.js';
import { readCalculation, readId, readInterpretation, readPage } from './requests.js';

const words = {
  notFound: 'List what exists with GET /users/{user_id}/records.',
  bodyTooLarge: 'The body is larger than 1 MiB.',
};

/** The monolith's saju service without its listener: old rows as they are stored, new charts by its own library. */
export function buildSajuService(pool: pg.Pool, faults: Faults): FastifyInstance {
  const app = Fastify({
    bodyLimit: 1024 * 1024,
    routerOptions: { maxParamLength: 8192 },
    // A URL that cannot be decoded never reaches the error handler.
    frameworkErrors: (error, _, reply) => sendProblem(reply, problemOf(error, words), words),
  });
  registerProblems(app, words);
  parseJsonBodies(app);
  registerFaultRoutes(app, faults);
  app.get('/health', async () => ({ status: 'up', planted: faults.planted }));
  app.register(async (routes) => {
    routes.addHook('preHandler', async (_, reply) => {
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      await faults.strike(gone.signal);
    });
    registerRecordRoutes(routes, pool, faults);
  });
  return app;
}

function registerRecordRoutes(app: FastifyInstance, pool: pg.Pool, faults: Faults): void {
  const answer = (reply: FastifyReply, status: number, record: SajuRecord) =>
    sendJson(reply.code(status), writeRecord(faults.spoil(record)));

  app.post('/calculate', async (request, reply) => {
    const calculation = readCalculation(request.body);
    const record = newRecord(calculation, chartOf(calculation.birth));
    return calculation.save ? answer(reply, 201, await keepRecord(pool, record)) : answer(reply, 200, record);
  });

  app.get<{ Params: { id: string } }>('/records/:id', async ({ params }, reply) =>
    answer(reply, 200, found(await findRecord(pool, readId(params.id)))),
  );

  app.patch<{ Params: { id: string } }>('/records/:id', async ({ params, body }, reply) => {
    const id = readId(params.id);
    return answer(reply, 200, found(await changeInterpretation(pool, id, readInterpretation(body))));
  });

  app.delete<{ Params: { id: string } }>('/records/:id', async ({ params }, reply) => {
    if (!(await deleteRecord(pool, readId(params.id)))) throw noRecord();
    return reply.code(204).send();
  });

  app.get<{ Params: { user_id: string }; Querystring: Record<string, unknown> }>(
    '/users/:user_id/records',
    async ({ params, query }, reply) => {
      const { limit, cursor } = readPage(query);
      const rows = isStorable(params.user_id) ? await listRecords(pool, params.user_id, limit, cursor) : [];
      const items = rows.slice(0, limit);
      const next = rows.length > limit ? items.at(-1)?.id : undefined;
      const written = items.map((record) => writeRecord(faults.spoil(record))).join(',');
      return sendJson(reply, `{"items":[${written}],"next_cursor":${JSON.stringify(next ?? null)}}`);
    },
  );
}

function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply.type('application/json; charset=utf-8').send(text);
}

function found(record: SajuRecord | undefined): SajuRecord {
  if (record === undefined) throw noRecord();
  return record;
}

function noRecord() {
  return notFound('There is no such record.');
}
