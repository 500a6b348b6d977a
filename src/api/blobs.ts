import { Type } from 'typebox';
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
