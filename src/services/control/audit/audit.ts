import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { problemResponses } from '../../../api/problem.js';
import { pageQuery, security } from '../../../api/schemas.js';
import { Failure } from '../../../base/failures.js';
import { maxKey } from '../../../domain/migration/key-range.js';
import { type AuditOutcome, auditOutcomes, checkAudit, readAudit } from '../../../postgres/audit.js';
import type { ControlDependencies } from '../dependencies.js';

const afterEveryEntry = maxKey.toString();

const entrySchema = Type.Object({
  seq: Type.Integer(),
  at: Type.String(),
  actor: Type.String({ description: 'the cube id of the token that asked for it' }),
  action: Type.String(),
  subject: Type.String(),
  details: Type.Object(
    {},
    {
      additionalProperties: true,
      description: 'claimed_by and os_user are claims of the client; token_sha256 begins the SHA-256 of its token',
    },
  ),
  hash: Type.String(),
  writer: Type.Union([Type.String(), Type.Null()], {
    description: 'the database role of the program that wrote it; null in an entry from before that was kept',
  }),
  outcome: Type.Optional(
    Type.Object(
      {
        what: Type.Unsafe<AuditOutcome>({ type: 'string', enum: [...auditOutcomes] }),
        reason: Type.Optional(Type.String({ description: 'the failure type, of what was not done' })),
        entry: Type.Optional(
          Type.Object(
            { seq: Type.Integer(), at: Type.String(), hash: Type.String() },
            { description: 'the entry that tells it, which is not listed by itself' },
          ),
        ),
      },
      { description: 'what became of it; where it is missing nobody knows' },
    ),
  ),
});
const anchorSchema = Type.Object({ seq: Type.Integer(), hash: Type.String() });
const pageSchema = Type.Object({
  items: Type.Array(entrySchema),
  next_cursor: Type.Union([Type.String(), Type.Null()]),
});
const checkSchema = Type.Object({
  intact: Type.Boolean(),
  entries: Type.Integer(),
  head: Type.Union([anchorSchema, Type.Null()]),
  broken: Type.Union([
    Type.Object({
      seq: Type.Integer(),
      reason: Type.String({ description: 'changed, missing_before, anchor_differs or anchor_missing' }),
    }),
    Type.Null(),
  ]),
});
const checkQuery = Type.Object(
  {
    anchor: Type.Optional(
      Type.String({
        pattern: '^[1-9][0-9]{0,15}:[0-9a-f]{64}$',
        description: 'sequence number and hash of an entry, as they were noted earlier',
      }),
    ),
  },
  { additionalProperties: false },
);

/** Who changed what; and whether that is still told as it was written. */
export function registerAuditRoutes(app: FastifyInstance, deps: ControlDependencies): void {
  const routes = app.withTypeProvider<TypeBoxTypeProvider>();
  const reads = deps.authorization.require('migration:read');
  const refusals = problemResponses('invalid_input', 'unauthorized', 'forbidden');

  routes.get(
    '/v1/audit',
    {
      onRequest: reads,
      schema: {
        security,
        summary: 'Who changed what, the newest first',
        querystring: pageQuery,
        response: { 200: pageSchema, ...refusals },
      },
    },
    async (request) => {
      const { cursor = afterEveryEntry } = request.query;
      if (BigInt.asIntN(64, BigInt(cursor)) !== BigInt(cursor))
        throw new Failure('invalid_input', 'querystring.cursor must be an id of 64 bits.', {
          details: { field: 'querystring.cursor' },
        });
      const limit = Number(request.query.limit ?? 100);
      const items = await readAudit(deps.cube, { before: cursor, limit });
      return {
        items: items.map((entry) => ({ ...entry })),
        next_cursor: items.length === limit ? String(items.at(-1)?.seq) : null,
      };
    },
  );

  routes.get(
    '/v1/audit/check',
    {
      onRequest: reads,
      schema: {
        security,
        summary: 'Whether the audit is as it was written',
        querystring: checkQuery,
        response: { 200: checkSchema, ...refusals },
      },
    },
    async (request) => {
      const [seq, hash] = request.query.anchor?.split(':') ?? [];
      const anchor = seq === undefined || hash === undefined ? undefined : { seq: Number(seq), hash };
      const { entries, head, broken } = await checkAudit(deps.cube, anchor);
      return { intact: broken === null, entries, head, broken };
    },
  );
}
