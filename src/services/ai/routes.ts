import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Failure } from '../../base/failures.js';
import { type InputRefusal, readInputRows } from '../../domain/models/input-rows.js';
import { readCursor, writeModel, writeModelPage } from '../../domain/models/legacy-model.js';
import {
  bodyTooLarge,
  inputsRefused,
  type PredictionLimits,
  readPrediction,
  writePrediction,
} from '../../domain/models/prediction.js';
import type { Cube } from '../../http/cube.js';
import type { LegacyCalls } from '../../http/legacy-calls.js';
import { notJson, RequestRefusal, registerErrorHandler } from '../../http/request-errors.js';
import { timeLeft } from '../../http/time-left.js';
import type { ModelPool } from '../../models/model-pool.js';
import { modelUnavailable } from '../../models/model-unavailable.js';
import { RunFailure } from '../../models/run-failure.js';
import { boundBodies } from './body-budget.js';
import type { ModelFiles } from './model-files.js';
import type { ModelMetrics } from './model-metrics.js';
import type { CubeVersion, ModelRecords } from './model-records.js';
import type { ServingVersions } from './serving-versions.js';

export interface AiRoutesOptions {
  readonly records: ModelRecords;
  readonly serving: ServingVersions;
  readonly pool: ModelPool;
  readonly files: ModelFiles;
  readonly legacy: LegacyCalls;
  readonly metrics: ModelMetrics;
  readonly limits: PredictionLimits;
  /** Of the bodies of predictions that are not answered yet. */
  readonly maxPendingBytes: number;
}

/** The routes of the monolith's AI service, and the engine's own, which predicts with a version that is not active. */
export function registerAiRoutes(app: FastifyInstance, options: AiRoutesOptions, cube: Cube): void {
  const { records, serving, legacy, metrics } = options;
  registerErrorHandler(app, bodyTooLarge);
  registerTexts(app);
  boundBodies(app, options.maxPendingBytes);

  app.get<{ Querystring: Record<string, unknown> }>('/models', async ({ query }, reply) => {
    const after = readCursor(query);
    if (after === undefined) throw new RequestRefusal(400, 'cursor', 'cursor is none that a page gave.');
    return sendJson(reply, writeModelPage(await records.list(after)));
  });

  app.get<{ Params: { name: string } }>('/models/:name', async ({ params }, reply) => {
    const row = isStorable(params.name) ? await records.find(params.name) : undefined;
    if (row === undefined) throw noModel();
    return sendJson(reply, writeModel(row));
  });

  app.post<{ Params: { name: string }; Body: string | undefined }>(
    '/models/:name/predict',
    async ({ params: { name }, body }, reply) => {
      const version = isStorable(name) ? await serving.of(name) : null;
      if (version === null) {
        await legacy.passOn(reply, body, { isRepeatable: true });
        // A name that legacy does not know would make a series of its own.
        if (reply.statusCode !== 404) metrics.predicted(name, 'legacy', reply.statusCode);
        return reply;
      }
      return predict(options, name, version, body, reply);
    },
  );

  app.post<{ Params: { name: string; id: string }; Body: string | undefined }>(
    '/models/:name/versions/:id/predict',
    async (request, reply) => {
      const { name, id } = request.params;
      if (isOfGateway(cube, request)) throw noRoute();
      const isKnown = isStorable(name) && /^\d{1,18}$/.test(id);
      const version = isKnown ? await records.version(name, id) : undefined;
      if (version === undefined) throw notFound('There is no such version.');
      return predict(options, name, version, request.body, reply);
    },
  );

  app.all('/*', async (request, reply) => {
    if (await cube.methods.refuse(request, reply)) return;
    throw noRoute();
  });
}

async function predict(
  { pool, files, metrics, limits }: AiRoutesOptions,
  name: string,
  version: CubeVersion,
  body: string | undefined,
  reply: FastifyReply,
): Promise<FastifyReply> {
  reply.raw.once('finish', () => metrics.predicted(name, 'cube', reply.statusCode));
  const start = performance.now();
  const deadline = start + timeLeft(reply);
  const { rows } = accepted(readPrediction(readJson(body), limits));
  const outputs = await pool
    .use(files.versionOf(name, version), deadline, ({ graph, run }) =>
      run(accepted(readInputRows(graph.inputs, rows)).batches, deadline),
    )
    .catch((error: unknown) => {
      throw failureOf(error);
    });
  metrics.took(name, performance.now() - start);
  return sendJson(reply, writePrediction(name, version.version, outputs));
}

/** Bodies as text: one that is passed on goes on as it came. */
function registerTexts(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_, body, done) => done(null, body));
}

function readJson(body: string | undefined): unknown {
  try {
    return body === undefined || body === '' ? undefined : JSON.parse(body);
  } catch {
    throw new RequestRefusal(400, 'body', notJson);
  }
}

function accepted<T extends { readonly kind: 'accepted' }>(read: T | InputRefusal): T {
  if (read.kind === 'refusal') throw new RequestRefusal(read.status, read.field, read.detail);
  return read;
}

function failureOf(error: unknown): unknown {
  if (!(error instanceof RunFailure)) return error;
  if (error.kind === 'refused')
    return new RequestRefusal(inputsRefused.status, inputsRefused.field, inputsRefused.detail);
  return modelUnavailable(error.kind, 0, error);
}

/** A request that a user sent, or that came by way of the gateway: its token holds every permission of this cube. */
function isOfGateway({ authorization }: Cube, request: FastifyRequest): boolean {
  return request.headers['x-cube-token'] !== undefined || authorization.callerOf(request).cubeId === 'api-gateway-cube';
}

/** Text that PostgreSQL cannot hold is the name of no model. */
function isStorable(name: string): boolean {
  return !name.includes('\0');
}

/** Nothing of models is cached: a row, or the version that computes, may change at any time. */
function sendJson(reply: FastifyReply, text: string): FastifyReply {
  return reply.type('application/json; charset=utf-8').header('cache-control', 'no-store').send(text);
}

function noModel(): Failure {
  return notFound('There is no such model.');
}

function noRoute(): Failure {
  return notFound('There is no such route.');
}

function notFound(detail: string): Failure {
  return new Failure('not_found', detail, { hint: 'List what exists with GET /models.' });
}
