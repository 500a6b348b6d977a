import { type Static, Type } from 'typebox';
import { kindEntry, migrationKinds } from '../domain/catalog.js';
import { type RejectItem, rejectResolutions } from '../domain/migration/reject-item.js';
import type { RejectReasonSummary, RejectSummary } from '../domain/migration/reject-summary.js';
import { pageLimit } from './routes.js';
import { schemaOf } from './schema-of.js';
import { nullable, oneOf, readablePattern, reason } from './shapes.js';

/** A row: its id in the kind's main table, or `table:id`. */
const rowNamePattern = '^([a-z_][a-z0-9_]{0,62}:)?-?[0-9]{1,19}$';
const rowName = Type.String({
  pattern: rowNamePattern,
  description: "`5` of the kind's main table, or `other_table:5`",
});
const ids = Type.Array(rowName, { minItems: 1, maxItems: 1000 });

const word = '^[a-z_][a-z0-9_]{0,62}$';
/** Which rejects, by table and reason. */
const filter = {
  table: Type.Optional(Type.String({ pattern: word, description: 'rejects of this table of legacy alone' })),
  reason: Type.Optional(Type.String({ pattern: word, description: 'rejects of this reason alone' })),
};

export const retryBody = Type.Object(
  { ids: Type.Optional(ids), ...filter },
  {
    title: 'RetryRequest',
    additionalProperties: false,
    description: '`ids`, or `table` or `reason` or both; without any of them all rejects',
  },
);
export type RetryBody = Static<typeof retryBody>;

export const acceptBody = Type.Object(
  {
    ids: Type.Optional(ids),
    all: Type.Optional(Type.Literal(true)),
    ...filter,
    by: Type.String({ minLength: 1, maxLength: 200, pattern: readablePattern }),
    why: reason,
  },
  {
    title: 'AcceptRequest',
    additionalProperties: false,
    description: 'one of `ids`, `all`, and `table` or `reason` or both',
  },
);

export const rejectPageQuery = Type.Object(
  {
    cursor: Type.Optional(rowName),
    limit: pageLimit,
    id: Type.Optional(rowName),
    ...filter,
    resolution: Type.Optional(oneOf(rejectResolutions)),
  },
  { additionalProperties: false },
);

const rejectDetail = Type.Unsafe<RejectItem['detail']>({
  anyOf: [
    { type: 'string' },
    {
      type: 'object',
      description: 'of a row that others are children of: `children` counts those that follow it',
      properties: { children: { type: 'integer' }, text: { type: 'string' } },
      required: ['children', 'text'],
    },
  ],
});

export const rejectPageSchema = Type.Object(
  {
    items: Type.Array(
      schemaOf<RejectItem>()(
        Type.Object(
          {
            table: Type.String(),
            id: Type.String(),
            reason: Type.String({ description: reasonsOfKinds() }),
            detail: rejectDetail,
            payload: Type.Optional(
              Type.Unknown({ description: 'the row as legacy has it, for a token that holds `records:read`' }),
            ),
            attempts: Type.Integer(),
            resolution: oneOf(rejectResolutions),
            by: nullable<string>({ type: 'string', description: 'who accepted it, or sent the command that moved it' }),
            why: nullable<string>({ type: 'string', description: 'why it was accepted' }),
            at: nullable<string>({ type: 'string', description: 'when it was accepted or moved' }),
          },
          { title: 'RejectItem' },
        ),
      ),
    ),
    next_cursor: nullable<string>({ type: 'string' }),
  },
  { $id: 'RejectPage' },
);

export type RejectPage = Static<typeof rejectPageSchema>;

const totals = {
  open: Type.Integer(),
  accepted: Type.Integer(),
  moved: Type.Integer({ description: 'by a later retry or repair' }),
  gone: Type.Integer({ description: 'legacy no longer has the row; no item is listed' }),
  children: Type.Integer({ description: 'rows of child tables that follow an open or accepted reject' }),
};

export const rejectSummarySchema = schemaOf<RejectSummary>()(
  Type.Object(
    {
      ...totals,
      reasons: Type.Unsafe<readonly RejectReasonSummary[]>(
        Type.Array(
          schemaOf<RejectReasonSummary>()(
            Type.Object({
              table: Type.String(),
              reason: Type.String(),
              ...totals,
              example: Type.String({ description: 'the name of one of them, as the parameter `id` takes it' }),
              what_to_do: Type.String(),
            }),
          ),
        ),
      ),
    },
    { $id: 'RejectSummary' },
  ),
);

function reasonsOfKinds(): string {
  return migrationKinds.map((kind) => `${kind}: ${Object.keys(kindEntry(kind).rejectReasons).join(', ')}`).join('; ');
}
