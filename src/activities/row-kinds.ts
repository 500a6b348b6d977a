import { Failure } from '../base/failures.js';
import type { RowMapping } from '../kinds/rows/row-mapping.js';
import { sajuRecordsMapping } from '../kinds/saju-records/mapping.js';

const mappings: readonly RowMapping[] = [sajuRecordsMapping];

/** The mapping of a kind that consists of rows. */
export function mappingOf(kind: string): RowMapping {
  const mapping = mappings.find((candidate) => candidate.kind === kind);
  if (mapping === undefined) throw new Failure('invalid_input', `There are no rows of kind ${kind} to move.`);
  return mapping;
}
