import { type Static, Type } from 'typebox';
import { kindEntry, migrationKinds } from '../domain/catalog.js';
import type { RejectItem } from '../domain/migration/reject-item.js';
import { pageLimit } from './routes.js';
import { schemaOf } from './schema-of.js';
import { nullable, reason } from './shapes.js';

/** A row: its id in the kind's main table, or `table:id`. */
const rowNamePattern = '^([a-z_][a-z0-9_]{0,62}:)?-?[0-9]{1,19}$';
const ids = Type.Array(
  Type.String({ pattern: rowNamePattern, description: "`5` of the kind's main table, or `other_table:5`" }),
  { minItems: 1, maxItems: 1000 },
);

export const retryBody = Type.Object(
  { ids: Type.Optional(ids) },
  { title: 'RetryRequest', additionalProperties: false },
);

export const acceptBody = Type.Object(
  {
    ids: Type.Optional(ids),
    all: Type.Optional(Type.Literal(true)),
    by: Type.String({ minLength: 1, maxLength: 200 }),
    why: reason,
  },
  { title: 'AcceptRequest', additionalProperties: false },
);

export const rejectPageQuery = Type.Object(
  { cursor: Type.Optional(Type.String({ pattern: rowNamePattern })), limit: pageLimit },
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
            payload: Type.Unknown(),
            attempts: Type.Integer(),
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

function reasonsOfKinds(): string {
  return migrationKinds.map((kind) => `${kind}: ${kindEntry(kind).rejectReasons.join(', ')}`).join('; ');
}
