import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type pg from 'pg';
import {
  activateBody,
  modelPageQuery,
  modelPageSchema,
  modelParameter,
  modelSchema,
  versionPageSchema,
} from '../../../api/models.js';
import { problemResponses } from '../../../api/problem.js';
import { requesterHeaders } from '../../../api/requester-headers.js';
import { ledgerFailures } from '../../../api/routes.js';
import { emptyBody } from '../../../api/shapes.js';
import type { ModelView } from '../../../domain/models/model-views.js';
import { inTransaction } from '../../../postgres/connect.js';
import { activateVersion, rollBackVersion } from '../../../postgres/models/activate-version.js';
import { listModels, listVersions, readModel } from '../../../postgres/models/read-models.js';
import { audited } from '../audit/audited.js';
import type { ControlDependencies } from '../dependencies.js';

const usualPage = '100';

/** The AI models of the cube: their versions, and which of them predicts. The cube follows within a second or two. */
export function registerModelRoutes(app: FastifyInstance, deps: ControlDependencies): void {
  const routes = app.withTypeProvider<TypeBoxTypeProvider>();
  const { cube, authorization } = deps;
  const reads = authorization.require('migration:read');
  const writes = authorization.require('migration:write');

  routes.get(
    '/v1/models',
    {
      onRequest: reads,
      schema: {
        operationId: 'listModels',
        tags: ['models'],
        summary: 'The models in the cube, page by page',
        querystring: modelPageQuery,
        response: { 200: modelPageSchema, ...problemResponses(...ledgerFailures) },
      },
    },
    async ({ query: { cursor, limit = usualPage } }) => {
      const items = await listModels(cube, cursor ?? null, Number(limit));
      return { items: [...items], next_cursor: cursorOf(items, limit) };
    },
  );

  routes.get(
    '/v1/models/:name/versions',
    {
      onRequest: reads,
      schema: {
        operationId: 'listModelVersions',
        tags: ['models'],
        summary: 'The versions of a model, the newest first, each with its comparison',
        params: modelParameter,
        querystring: modelPageQuery,
        response: { 200: versionPageSchema, ...problemResponses('not_found', ...ledgerFailures) },
      },
    },
    async ({ params, query: { cursor, limit = usualPage } }) => {
      const { id, name, active } = await readModel(cube, params.name);
      const items = await listVersions(cube, id, cursor ?? null, Number(limit));
      return {
        model: name,
        active_version_id: active?.id ?? null,
        items: [...items],
        next_cursor: cursorOf(items, limit),
      };
    },
  );

  routes.post(
    '/v1/models/:name/activate',
    {
      onRequest: writes,
      schema: {
        operationId: 'activateModelVersion',
        tags: ['models'],
        summary: 'Have a version predict that has passed its comparison',
        params: modelParameter,
        headers: requesterHeaders,
        body: activateBody,
        response: { 200: modelSchema, ...problemResponses('not_found', 'conflict', ...ledgerFailures) },
      },
    },
    async (request) => {
      const versionId = String(request.body.version_id);
      return change(request, 'model.activate', versionId, (client, name) => activateVersion(client, name, versionId));
    },
  );

  routes.post(
    '/v1/models/:name/rollback',
    {
      onRequest: writes,
      schema: {
        operationId: 'rollBackModel',
        tags: ['models'],
        summary: 'Bring back the version that was active before',
        params: modelParameter,
        headers: requesterHeaders,
        body: { anyOf: [emptyBody, { type: 'null' }] },
        response: { 200: modelSchema, ...problemResponses('not_found', 'not_at_this_stage', ...ledgerFailures) },
      },
    },
    async (request) => change(request, 'model.rollback', undefined, rollBackVersion),
  );

  async function change(
    request: FastifyRequest<{ Params: { name: string } }>,
    action: string,
    versionId: string | undefined,
    apply: (client: pg.ClientBase, name: string) => Promise<void>,
  ): Promise<ModelView> {
    const { name, active, former_version_id: former } = await readModel(cube, request.params.name);
    const textOf = (id: number | null | undefined) => (id === null || id === undefined ? null : String(id));
    const details = { version: versionId ?? textOf(former), was: { version: textOf(active?.id) } };
    const act = { action, subject: name, details };
    return audited(deps, request, act, () =>
      inTransaction(cube, async (client) => {
        await apply(client, name);
        return readModel(client, name);
      }),
    );
  }
}

/** What is in no version stands behind all of them. */
function cursorOf(items: readonly { readonly id: number | null }[], limit: string): string | null {
  const last = items.length === Number(limit) ? items.at(-1) : undefined;
  return last === undefined || last.id === null ? null : String(last.id);
}
