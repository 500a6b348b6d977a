import type { FastifyInstance, FastifyReply } from 'fastify';
import { Failure } from '../../base/failures.js';
import { calculateChart } from '../../domain/saju/four-pillars.js';
import {
  isRecordId,
  isStorable,
  type ParsedInput,
  readCalculateRequest,
  readInterpretation,
  readPageQuery,
} from '../../domain/saju/request.js';
import { RequestRefusal, registerBodies, registerErrorHandler } from '../../http/request-errors.js';
import type { RouteMethods } from '../../http/route-methods.js';
import type { OwnerSajuRecords } from './record-store.js';
import { newRecord, writeRecord } from './records.js';

/**
 * The routes of the monolith's saju service, with the cube's own calculation. As there, any caller may name any user and any
 * record: both sides answer a client alike.
 */
export function registerSajuRoutes(app: FastifyInstance, records: OwnerSajuRecords, methods: RouteMethods): void {
  registerBodies(app);
  registerErrorHandler(app);
  app.post('/calculate', async ({ body }, reply) => {
    const request = accepted(readCalculateRequest(body));
    const chart = calculateChart(request.birth);
    if (chart.kind === 'impossible') throw new RequestRefusal(422, chart.field, chart.detail);
    const values = newRecord(request, chart);
    if (!request.save) return sendJson(reply, writeRecord(values, chart.warnings));
    return sendJson(reply.code(201), writeRecord(await records.insert(values), chart.warnings));
  });

  app.get<{ Params: { id: string } }>('/records/:id', async ({ params }, reply) =>
    sendJson(reply, writeRecord(found(await records.find(readId(params.id))))),
  );

  app.patch<{ Params: { id: string } }>('/records/:id', async ({ params, body }, reply) => {
    const id = readId(params.id);
    const interpretation = accepted(readInterpretation(body));
    return sendJson(reply, writeRecord(found(await records.changeInterpretation(id, interpretation))));
  });

  app.delete<{ Params: { id: string } }>('/records/:id', async ({ params }, reply) => {
    if (!(await records.remove(readId(params.id)))) throw noRecord();
    return reply.code(204).send();
  });

  app.get<{ Params: { user_id: string }; Querystring: Record<string, unknown> }>(
    '/users/:user_id/records',
    async ({ params, query }, reply) => {
      const { limit, cursor } = accepted(readPageQuery(query));
      // The table cannot hold such a user id, so there are no records; the query would fail.
      const rows = isStorable(params.user_id) ? await records.list(params.user_id, limit + 1, cursor) : [];
      const items = rows.slice(0, limit);
      const next = rows.length > limit ? items.at(-1)?.id : undefined;
      const written = items.map((record) => writeRecord(record)).join(',');
      return sendJson(reply, `{"items":[${written}],"next_cursor":${JSON.stringify(next ?? null)}}`);
    },
  );

  app.all('/*', async (request, reply) => {
    if (await methods.refuse(request, reply)) return;
    throw notFound('There is no such route.');
  });
}

function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply.type('application/json; charset=utf-8').send(text);
}

function accepted<T>(parsed: ParsedInput<T>): T {
  if (parsed.kind === 'refusal') throw new RequestRefusal(parsed.status, parsed.field, parsed.detail);
  return parsed.value;
}

function readId(text: string): string {
  if (!isRecordId(text)) throw new RequestRefusal(400, 'id', 'id is not a whole number of sixty-four bits.');
  return text;
}

function found<T>(record: T | undefined): T {
  if (record === undefined) throw noRecord();
  return record;
}

function noRecord(): Failure {
  return notFound('There is no such record.');
}

function notFound(detail: string): Failure {
  // The monolith's exact words: both sides answer a client alike.
  return new Failure('not_found', detail, { hint: 'List what exists with GET /users/{user_id}/records.' });
}
