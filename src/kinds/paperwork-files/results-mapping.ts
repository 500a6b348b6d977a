import { type CopyRow, CopyRowWriter } from '../../postgres/copy-binary.js';
import { bigintTypes, jsonTypes, textTypes, timestampTypes } from '../rows/column-types.js';
import { type ConvertedRow, comparedAsText, type DigestedField, type RowMapping } from '../rows/row-mapping.js';
import { isCarriedTime } from './file-columns.js';

const sourceColumns = [
  { name: 'id', types: bigintTypes },
  { name: 'file_id', types: bigintTypes },
  { name: 'kind', types: textTypes },
  { name: 'result', types: jsonTypes },
  { name: 'created_at', types: timestampTypes },
] as const;
const [id, fileId, kind, result, createdAt] = [0, 1, 2, 3, 4];

/** SQL of the text that says who made a result; before a cutover it is a part of the result. */
const madeBy = `case when jsonb_typeof(result -> 'made_by') = 'string' then result ->> 'made_by' end`;

const digestedFields: readonly DigestedField[] = [
  { name: 'file_id', type: 'text', source: 'file_id::text', target: 'file_id::text' },
  { name: 'kind', type: 'text', source: 'kind', target: 'kind' },
  { name: 'result', type: 'text', source: 'result::text', target: 'result::text' },
  { name: 'created_at', type: 'timestamp', source: 'created_at', target: 'created_at' },
  { name: 'made_by', type: 'text', source: madeBy, target: 'made_by' },
  // A result whose file is not there on one side alone has lost it.
  {
    name: 'file',
    type: 'text',
    source: '(exists (select from public.paperwork_files as file where file.id = paperwork_results.file_id))::text',
    target: '(exists (select from paperwork.files as file where file.id = results.file_id))::text',
    ofCubeAlone: true,
  },
];

/** paperwork_results of the monolith, paperwork.results of the cube: what was found in a file. */
export const resultsMapping: RowMapping = {
  kind: 'paperwork-files',
  table: 'paperwork_results',
  parent: { table: 'paperwork_files', column: 'file_id' },
  source: { schema: 'public', table: 'paperwork_results', key: 'id', columns: sourceColumns },
  target: {
    schema: 'paperwork',
    table: 'results',
    key: 'id',
    columns: [
      ...sourceColumns.map(({ name, types }) => ({ name, types: types.slice(0, 1) })),
      { name: 'made_by', types: textTypes },
      { name: 'migrated_at', types: timestampTypes },
    ],
  },
  targetColumns: [...sourceColumns.map(({ name }) => name), 'made_by'],
  movedAtColumn: 'migrated_at',
  converter: (movedAt) => {
    const writer = new CopyRowWriter();
    return (row) => convert(row, writer, movedAt);
  },
  payload,
  comparedFields: comparedAsText(digestedFields),
  digestedFields,
};

function convert(row: CopyRow, writer: CopyRowWriter, movedAt: Buffer): ConvertedRow {
  const key = row.int64(id);
  const reject = (reason: string, detail: string): ConvertedRow => ({
    kind: 'reject',
    id: key,
    reason,
    detail,
    payload: payload(row),
  });
  if (row.isNull(fileId)) return reject('file_unknown', 'file_id is NULL');
  if (!isCarriedTime(row, createdAt)) return reject('timestamp_invalid', 'created_at');
  writer.begin(7);
  writer.carry(row, id, createdAt);
  writer.text(madeByOf(row.json(result)));
  writer.field(movedAt);
  return { kind: 'row', id: key, bytes: writer.finish(), source: row, warned: false };
}

function madeByOf(text: string | null): string | null {
  // Most have none, and their texts may be long.
  if (text === null || !text.includes('"made_by"')) return null;
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const { made_by: maker } = value as { readonly made_by?: unknown };
  return typeof maker === 'string' ? maker : null;
}

function payload(row: CopyRow): string {
  return JSON.stringify({
    id: row.int64(id).toString(),
    file_id: row.isNull(fileId) ? null : row.int64(fileId).toString(),
    kind: row.text(kind),
    result: row.json(result),
    created_at: row.timestamp(createdAt),
  });
}
