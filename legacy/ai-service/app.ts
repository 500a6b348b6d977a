import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type pg from 'pg';
import { type InputRefusal, readInputRows } from '../../src/domain/models/input-rows.js';
import {
  type LegacyModel,
  legacyModelColumns,
  modelsPerPage,
  readCursor,
  writeModel,
  writeModelPage,
} from '../../src/domain/models/legacy-model.js';
import {
  bodyTooLarge,
  inputsRefused,
  predictionLimits,
  readPrediction,
  writePrediction,
} from '../../src/domain/models/prediction.js';
import { RunFailure } from '../../src/models/run-failure.js';
import { parseJsonBodies } from '../json-bodies.js';
import { malformed, notFound, Problem, problemOf, registerProblems, sendProblem } from '../problem.js';
import type { LoadedModels, ModelRow } from './loaded-models.js';

const words = { notFound: 'List what exists with GET /models.', bodyTooLarge };

/**
 * The monolith's AI service without its listener. It shares with the cube what must not differ when the two are compared: the runtime,
 * its options, how values are read and written, and the HTTP server. Requests are computed one after the other.
 */
export function buildAiService(pool: pg.Pool, models: LoadedModels): FastifyInstance {
  const app = Fastify({
    bodyLimit: predictionLimits.maxBodyBytes,
    routerOptions: { maxParamLength: 8192 },
    // A URL that cannot be decoded never reaches the error handler.
    frameworkErrors: (error, _, reply) => sendProblem(reply, problemOf(error, words), words),
  });
  registerProblems(app, words);
  app.removeAllContentTypeParsers();
  parseJsonBodies(app);
  app.get('/health', async () => ({ status: 'up' }));

  app.get<{ Querystring: Record<string, unknown> }>('/models', async ({ query }, reply) => {
    const after = readCursor(query);
    if (after === undefined) throw malformed('cursor', 'cursor is none that a page gave.');
    const text = `select ${legacyModelColumns} from ai_models where id > $1 order by id limit $2`;
    const page = await pool.query<LegacyModel>(text, [after, modelsPerPage + 1]);
    return sendJson(reply, writeModelPage(page.rows));
  });

  app.get<{ Params: { name: string } }>('/models/:name', async ({ params: { name } }, reply) => {
    const row = await findModel<LegacyModel>(pool, legacyModelColumns, name);
    if (row === undefined) throw noModel();
    return sendJson(reply, writeModel(row));
  });

  app.post<{ Params: { name: string } }>('/models/:name/predict', async ({ params: { name }, body }, reply) => {
    const model = await models.find(name, () =>
      findModel<ModelRow>(pool, 'name, version, artifact_path, sha256', name),
    );
    if (model === 'missing') throw noModel();
    if (model === 'not loaded') throw cannotRun();
    const { rows } = accepted(readPrediction(body, predictionLimits));
    const { batches } = accepted(readInputRows(model.graph.inputs, rows));
    const outputs = await Promise.all(batches.map((batch) => models.process.run(model.key, batch))).catch(
      (error: unknown) => {
        throw problemOfRun(error);
      },
    );
    return sendJson(reply, writePrediction(name, model.version, outputs));
  });
  return app;
}

async function findModel<Row extends object>(pool: pg.Pool, columns: string, name: string): Promise<Row | undefined> {
  // Text that PostgreSQL cannot hold is the name of no model.
  if (name.includes('\0')) return undefined;
  return (await pool.query<Row>(`select ${columns} from ai_models where name = $1`, [name])).rows[0];
}

function accepted<T extends { readonly kind: 'accepted' }>(read: T | InputRefusal): T {
  if (read.kind === 'refusal') throw new Problem(read.status, 'invalid_input', read.detail, read.field);
  return read;
}

function problemOfRun(error: unknown): unknown {
  if (!(error instanceof RunFailure)) return error;
  if (error.kind !== 'refused') return cannotRun();
  return new Problem(inputsRefused.status, 'invalid_input', inputsRefused.detail, inputsRefused.field);
}

function noModel(): Problem {
  return notFound('There is no such model.');
}

function cannotRun(): Problem {
  return new Problem(503, 'upstream_unavailable', 'The model cannot be run now.');
}

/** Nothing of models is cached: a row, or the version that computes, may change at any time. */
function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply.type('application/json; charset=utf-8').header('cache-control', 'no-store').send(text);
}
