import { type Static, Type } from 'typebox';
import { type AuditAnchor, type AuditCheck, type AuditEntry, auditOutcomes, brokenReasons } from '../domain/audit.js';
import { pageLimit } from './routes.js';
import { schemaOf } from './schema-of.js';
import { oneOf } from './shapes.js';

export const auditPageQuery = Type.Object(
  { cursor: Type.Optional(Type.String({ pattern: '^-?[0-9]{1,19}$' })), limit: pageLimit },
  { additionalProperties: false },
);

const auditEntrySchema = schemaOf<AuditEntry>()(
  Type.Object(
    {
      seq: Type.Integer(),
      at: Type.String(),
      actor: Type.String({ description: 'the cube id of the token of the request' }),
      action: Type.String(),
      subject: Type.String(),
      details: Type.Unsafe<Readonly<Record<string, unknown>>>(
        Type.Object(
          {},
          {
            additionalProperties: true,
            description:
              'claimed_by and os_user are claims of the client; token_sha256 begins the SHA-256 of its token',
          },
        ),
      ),
      hash: Type.String(),
      writer: Type.Union([Type.String(), Type.Null()], {
        description: 'the database role of the program that wrote it; null in an entry from before that was kept',
      }),
      outcome: Type.Optional(
        Type.Object(
          {
            what: oneOf(auditOutcomes),
            reason: Type.Optional(Type.String({ description: 'the failure type, of what was not done' })),
            entry: Type.Optional(
              Type.Object(
                { seq: Type.Integer(), at: Type.String(), hash: Type.String() },
                { description: 'the entry that records it, which is not listed by itself' },
              ),
            ),
          },
          { description: 'its outcome; missing where it is unknown' },
        ),
      ),
    },
    { title: 'AuditEntry' },
  ),
);
const anchorSchema = schemaOf<AuditAnchor>()(Type.Object({ seq: Type.Integer(), hash: Type.String() }));
export const auditPageSchema = Type.Object(
  {
    items: Type.Array(auditEntrySchema),
    next_cursor: Type.Union([Type.String(), Type.Null()]),
  },
  { title: 'AuditPage' },
);
/** What a check found, with its verdict. */
export type AuditCheckAnswer = AuditCheck & { readonly intact: boolean };
export const auditCheckSchema = schemaOf<AuditCheckAnswer>()(
  Type.Object(
    {
      intact: Type.Boolean(),
      entries: Type.Integer(),
      head: Type.Union([anchorSchema, Type.Null()]),
      broken: Type.Union([
        Type.Object({
          seq: Type.Integer(),
          reason: oneOf(brokenReasons),
        }),
        Type.Null(),
      ]),
    },
    { title: 'AuditCheck' },
  ),
);
export const auditCheckQuery = Type.Object(
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

export type AuditPage = Static<typeof auditPageSchema>;
