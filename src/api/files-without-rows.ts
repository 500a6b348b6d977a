import { Type } from 'typebox';
import type { FileWithoutRow } from '../domain/paperwork/file-without-row.js';
import { pageLimit } from './routes.js';
import { schemaOf } from './schema-of.js';
import { nullable } from './shapes.js';

export const fileWithoutRowQuery = Type.Object(
  { cursor: Type.Optional(Type.String({ pattern: '^[0-9]{1,18}$' })), limit: pageLimit },
  { additionalProperties: false },
);

const item = schemaOf<FileWithoutRow>()(
  Type.Object(
    {
      path_base64: Type.String({
        description: 'the path below LEGACY_STORAGE_DIR, as bytes: names need not be text in any encoding',
      }),
      size: Type.Number({ description: 'bytes' }),
    },
    { title: 'FileWithoutRow' },
  ),
);

export const filesWithoutRowsPage = Type.Object(
  { items: Type.Array(item), next_cursor: nullable<string>({ type: 'string' }) },
  { title: 'FilesWithoutRowsPage' },
);
