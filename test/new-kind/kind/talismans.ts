import type { ConvertedRow, RowMapping } from '../../../src/kinds/rows/row-mapping.js';
import { type CopyRow, CopyRowWriter } from '../../../src/postgres/copy-binary.js';

const timestamp = ['timestamp with time zone'];

const sourceColumns = [
  { name: 'id', types: ['bigint'] },
  { name: 'name', types: ['text'] },
  { name: 'created_at', types: timestamp },
  { name: 'drawing', types: ['text'] },
] as const;
const [id, name, createdAt, drawing] = [0, 1, 2, 3];

/** talismans of the monolith, crawler.talismans of the cube; what is drawn goes with the item, and is compared here. */
export const talismansMapping: RowMapping = {
  kind: 'talismans',
  table: 'talismans',
  source: { schema: 'public', table: 'talismans', key: 'id', columns: sourceColumns },
  target: {
    schema: 'crawler',
    table: 'talismans',
    key: 'id',
    columns: [
      { name: 'id', types: ['bigint'] },
      { name: 'name', types: ['text'] },
      { name: 'created_at', types: timestamp },
      { name: 'migrated_at', types: timestamp },
    ],
  },
  targetColumns: ['id', 'name', 'created_at'],
  movedAtColumn: 'migrated_at',
  converter: (movedAt) => {
    const writer = new CopyRowWriter();
    return (row) => convert(row, writer, movedAt);
  },
  payload,
  comparedFields: [
    { name: 'name', source: 'name', target: 'name' },
    { name: 'created_at', source: 'created_at::text', target: 'created_at::text' },
    { name: 'drawing', source: 'drawing', target: drawingOfTarget() },
  ],
  digestedFields: [
    { name: 'name', type: 'text', source: 'name', target: 'name' },
    { name: 'created_at', type: 'timestamp', source: 'created_at', target: 'created_at' },
    { name: 'drawing', type: 'text', source: 'drawing', target: drawingOfTarget() },
  ],
};

function drawingOfTarget(): string {
  return '(select svg from crawler.drawings where talisman_id = id)';
}

function convert(row: CopyRow, writer: CopyRowWriter, movedAt: Buffer): ConvertedRow {
  const reason = whyNot(row);
  if (reason !== undefined)
    return { kind: 'reject', id: row.int64(id), reason, detail: `${reason} of a talisman`, payload: payload(row) };
  writer.begin(4);
  writer.carry(row, id, createdAt);
  writer.field(movedAt);
  return { kind: 'row', id: row.int64(id), bytes: writer.finish(), source: row, warned: false };
}

function whyNot(row: CopyRow): string | undefined {
  if ((row.text(name) ?? '').trim() === '') return 'name_empty';
  if (!row.isNull(createdAt) && !row.isWithinYears1To9999(createdAt)) return 'timestamp_invalid';
  return undefined;
}

function payload(row: CopyRow): string {
  return JSON.stringify({
    id: row.int64(id).toString(),
    name: row.text(name),
    drawing: row.text(drawing),
    created_at: row.timestamp(createdAt),
  });
}
