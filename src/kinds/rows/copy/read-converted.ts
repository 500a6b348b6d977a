import type pg from 'pg';
import type { CopyRow } from '../../../postgres/copy-binary.js';
import { integerReader, type LeftOutParents, parentReader } from '../left-out-parents.js';
import type { ConvertedRow, RowMapping, WithheldRow } from '../row-mapping.js';
import { readSource, type SourceSelection } from './read-source.js';

/**
 * Reads source rows in id order and converts them, some hundred at a time, as fast as the consumer takes them. Rows whose
 * parent is among `parents` are not converted. `movedAt` ends every row. Leaving the loop early ends the read at once. Throws failures of the legacy side, also when the
 * stream stops short, or holds two rows of one id: which of them the target should have cannot be decided.
 */
export async function* readConverted(
  legacy: pg.Client,
  mapping: RowMapping,
  selection: SourceSelection,
  movedAt: Buffer,
  parents?: LeftOutParents,
): AsyncGenerator<readonly (ConvertedRow | WithheldRow)[]> {
  const convert = mapping.converter(movedAt);
  const withhold = parents && withholder(mapping, parents);
  for await (const source of readSource(legacy, mapping, selection)) {
    const withheld = await withhold?.(source);
    yield source.map((row, place) => withheld?.[place] ?? convert(row));
  }
}

/** Says of source rows which are withheld, and for what; undefined where all are moved. */
export function withholder(
  mapping: RowMapping,
  parents: LeftOutParents,
): (rows: readonly CopyRow[]) => Promise<readonly (WithheldRow | undefined)[] | undefined> {
  const parentOf = parentReader(mapping);
  const idOf = integerReader(mapping, mapping.source.key);
  return async (rows) => {
    const parentIds = rows.map(parentOf);
    const leftOut = await parents.among(() => parentIds.filter((id) => id !== null));
    if (leftOut.size === 0) return undefined;
    return rows.map((row, place) => {
      const parentId = parentIds[place] ?? null;
      const reject = parentId === null ? undefined : leftOut.get(parentId);
      const id = idOf(row);
      if (parentId === null || reject === undefined || id === null) return undefined;
      return { kind: 'withheld', id, parentId, reject };
    });
  };
}
