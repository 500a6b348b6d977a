import { Type } from 'typebox';
import type { MoveView, UnmovedContent } from '../domain/blob-move.js';
import type { SweepView, SweptContent } from '../domain/sweep.js';
import { schemaOf } from './schema-of.js';
import { nullable } from './shapes.js';

const sha256 = { pattern: '^[0-9a-f]{64}$' };

export const sweepBody = Type.Object(
  {
    dry_run: Type.Boolean({ description: 'true: says what would be removed, and removes nothing' }),
    cursor: Type.Optional(Type.String({ ...sha256, description: '`next_cursor` of the call before' })),
  },
  { title: 'SweepRequest', additionalProperties: false },
);

const sweptContent = schemaOf<SweptContent>()(
  Type.Object(
    {
      sha256: Type.String(),
      size: Type.Integer({ description: 'bytes' }),
      stored_at: nullable<string>({ type: 'string', description: 'null for a file that is on no record' }),
    },
    { title: 'SweptContent' },
  ),
);

export const sweepSchema = schemaOf<SweepView>()(
  Type.Object(
    {
      dry_run: Type.Boolean(),
      contents: Type.Integer({ description: 'removed by this call, or to be removed' }),
      bytes: Type.Integer({ description: 'of these contents' }),
      temporary_files: Type.Integer({ description: 'left by steps that died' }),
      items: Type.Array(sweptContent, { description: 'the first hundred of the contents' }),
      next_cursor: nullable<string>({ type: 'string', description: 'where the next call goes on; null at the end' }),
    },
    { title: 'Sweep' },
  ),
);

export const moveBody = Type.Object(
  {
    to: Type.String({
      minLength: 1,
      maxLength: 1024,
      description:
        's3://BUCKET/PREFIX at the server of CUBE_STORAGE_ENDPOINT, or an absolute path of the control API’s machine',
    }),
    cursor: Type.Optional(Type.String({ ...sha256, description: '`next_cursor` of the call before' })),
  },
  { title: 'MoveRequest', additionalProperties: false },
);

const unmovedContent = schemaOf<UnmovedContent>()(
  Type.Object(
    {
      sha256: Type.String(),
      damage: Type.Union([Type.Literal('missing'), Type.Literal('damaged')], {
        description: 'missing: on record, and not in the store',
      }),
    },
    { title: 'UnmovedContent' },
  ),
);

export const moveSchema = schemaOf<MoveView>()(
  Type.Object(
    {
      to: Type.String(),
      contents: Type.Integer({ description: 'written there by this call, and read back' }),
      bytes: Type.Integer({ description: 'of these contents' }),
      already_there: Type.Integer({ description: 'there before this call, every byte of them right' }),
      unmoved: Type.Integer({ description: 'contents that the store does not have whole' }),
      items: Type.Array(unmovedContent, { description: 'the first hundred of these' }),
      next_cursor: nullable<string>({ type: 'string', description: 'where the next call goes on; null at the end' }),
      missing_there: nullable<number>({
        type: 'integer',
        description: 'at the end: contents on record that the place does not have; null before',
      }),
    },
    { title: 'Move' },
  ),
);
