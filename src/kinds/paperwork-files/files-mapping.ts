import { type CopyRow, CopyRowWriter } from '../../postgres/copy-binary.js';
import { newestVerificationOf } from '../contents/check-contents.js';
import type { FetchedContent } from '../contents/row-contents.js';
import { textTypes, timestampTypes } from '../rows/column-types.js';
import { type ConvertedRow, comparedAsText, type DigestedField, type RowMapping } from '../rows/row-mapping.js';
import { fileColumns, fileField } from './file-columns.js';
import { fileContents } from './file-contents.js';

/** What the field `content` says of which nothing is wrong. */
const whole = 'whole';

const digestedFields: readonly DigestedField[] = [
  { name: 'path', type: 'text', source: 'path', target: 'path' },
  { name: 'size', type: 'text', source: 'size::text', target: 'size::text' },
  { name: 'mime_type', type: 'text', source: 'mime_type', target: 'mime_type' },
  { name: 'metadata', type: 'text', source: 'metadata::text', target: 'metadata::text' },
  { name: 'created_at', type: 'timestamp', source: 'created_at', target: 'created_at' },
  // Of what legacy has no column: what the verification found of the store.
  { name: 'content', type: 'text', source: `'${whole}'`, target: contentOfTarget(), ofCubeAlone: true },
];

/** paperwork_files of the monolith, paperwork.files of the cube, their contents in the store. */
export const filesMapping: RowMapping = {
  kind: 'paperwork-files',
  table: 'paperwork_files',
  source: { schema: 'public', table: 'paperwork_files', key: 'id', columns: fileColumns },
  target: {
    schema: 'paperwork',
    table: 'files',
    key: 'id',
    columns: [
      ...fileColumns.map(({ name, types }) => ({ name, types: types.slice(0, 1) })),
      { name: 'sha256', types: textTypes },
      { name: 'file_stat', types: textTypes },
      { name: 'migrated_at', types: timestampTypes },
    ],
  },
  targetColumns: [...fileColumns.map(({ name }) => name), 'sha256', 'file_stat'],
  movedAtColumn: 'migrated_at',
  contents: fileContents,
  converter: (movedAt) => {
    const writer = new CopyRowWriter();
    return (row, content) => convert(row, content, writer, movedAt);
  },
  payload,
  comparedFields: comparedAsText(digestedFields),
  digestedFields,
};

/** Whether the content is on record with the size that the row names, and what the newest verification of the kind found when it read it. */
function contentOfTarget(): string {
  return `coalesce(
    (select case when files.size <> stored.size then 'another size'
                 when checked.sha256 is null then 'not read'
                 else coalesce(checked.damage, '${whole}') end
       from storage.blobs as stored
       left join storage.checks as checked on checked.sha256 = stored.sha256 and checked.verification_id >= ${newestVerificationOf('paperwork-files')}
      where stored.sha256 = files.sha256),
    'not stored')`;
}

function convert(
  row: CopyRow,
  content: FetchedContent | undefined,
  writer: CopyRowWriter,
  movedAt: Buffer,
): ConvertedRow {
  writer.begin(9);
  writer.carry(row, fileField.id, fileField.created_at);
  writer.text(content?.sha256 ?? null);
  writer.text(content?.stat ?? null);
  writer.field(movedAt);
  return {
    kind: 'row',
    id: row.int64(fileField.id),
    bytes: writer.finish(),
    source: row,
    warned: content?.warned ?? false,
  };
}

function payload(row: CopyRow): string {
  return JSON.stringify({
    id: row.int64(fileField.id).toString(),
    path: row.text(fileField.path),
    size: row.isNull(fileField.size) ? null : row.int64(fileField.size).toString(),
    mime_type: row.text(fileField.mime_type),
    metadata: row.json(fileField.metadata),
    created_at: row.timestamp(fileField.created_at),
  });
}
