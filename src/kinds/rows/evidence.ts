import type { EvidenceSection } from '../kind.js';
import type { RowTables } from './row-mapping.js';

/** Between which tables how many fields were compared, and what was not: what `clean` says of a row, and what it does not. */
export function comparedTables(tables: RowTables): EvidenceSection {
  return {
    tables: tables.map(({ table, parent, source, target, comparedFields, movedAtColumn }) => ({
      table,
      parent: parent?.table ?? null,
      source: `${source.schema}.${source.table}`,
      target: `${target.schema}.${target.table}`,
      key: source.key,
      compared_fields: comparedFields.length,
      not_compared: [movedAtColumn],
    })),
  };
}
