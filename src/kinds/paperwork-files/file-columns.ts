import type { CopyRow } from '../../postgres/copy-binary.js';
import { bigintTypes, jsonTypes, textTypes, timestampTypes } from '../rows/column-types.js';

/** The columns of paperwork_files, as the copy reads them. */
export const fileColumns = [
  { name: 'id', types: bigintTypes },
  { name: 'path', types: textTypes },
  { name: 'size', types: bigintTypes },
  { name: 'mime_type', types: textTypes },
  { name: 'metadata', types: jsonTypes },
  { name: 'created_at', types: timestampTypes },
] as const;

/** The position of each in a row. */
export const fileField = { id: 0, path: 1, size: 2, mime_type: 3, metadata: 4, created_at: 5 } as const;

/** NULL is carried; infinite times and years outside 1 to 9999 are not. */
export function isCarriedTime(row: CopyRow, field: number): boolean {
  return row.isWithinYears1To9999(field) ?? true;
}
