import type { RowMapping } from '../../../src/kinds/rows/row-mapping.js';
import { type CopyRow, CopyRowWriter } from '../../../src/postgres/copy-binary.js';

const timestamp = ['timestamp with time zone'];

const columns = [
  { name: 'id', types: ['bigint'] },
  { name: 'talisman_id', types: ['bigint'] },
  { name: 'buyer', types: ['text'] },
  { name: 'created_at', types: timestamp },
] as const;
const [id, talismanId, buyer, createdAt] = [0, 1, 2, 3];

/** talisman_orders of the monolith, crawler.talisman_orders of the cube: children of their talisman. */
export const ordersMapping: RowMapping = {
  kind: 'talismans',
  table: 'talisman_orders',
  parent: { table: 'talismans', column: 'talisman_id' },
  source: { schema: 'public', table: 'talisman_orders', key: 'id', columns },
  target: {
    schema: 'crawler',
    table: 'talisman_orders',
    key: 'id',
    columns: [...columns, { name: 'migrated_at', types: timestamp }],
  },
  targetColumns: columns.map((column) => column.name),
  movedAtColumn: 'migrated_at',
  converter: (movedAt) => {
    const writer = new CopyRowWriter();
    return (row) => {
      if (!row.isNull(createdAt) && !row.isWithinYears1To9999(createdAt))
        return {
          kind: 'reject',
          id: row.int64(id),
          reason: 'timestamp_invalid',
          detail: 'created_at',
          payload: payload(row),
        };
      writer.begin(columns.length + 1);
      writer.carry(row, id, createdAt);
      writer.field(movedAt);
      return { kind: 'row', id: row.int64(id), bytes: writer.finish(), source: row, warned: false };
    };
  },
  payload,
  comparedFields: [
    { name: 'talisman_id', source: 'talisman_id::text', target: 'talisman_id::text' },
    { name: 'buyer', source: 'buyer', target: 'buyer' },
    { name: 'created_at', source: 'created_at::text', target: 'created_at::text' },
  ],
  digestedFields: [
    { name: 'talisman_id', type: 'text', source: 'talisman_id::text', target: 'talisman_id::text' },
    { name: 'buyer', type: 'text', source: 'buyer', target: 'buyer' },
    { name: 'created_at', type: 'timestamp', source: 'created_at', target: 'created_at' },
  ],
};

function payload(row: CopyRow): string {
  return JSON.stringify({
    id: row.int64(id).toString(),
    talisman_id: row.isNull(talismanId) ? null : row.int64(talismanId).toString(),
    buyer: row.text(buyer),
    created_at: row.timestamp(createdAt),
  });
}
