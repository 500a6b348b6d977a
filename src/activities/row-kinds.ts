import { Failure } from '../failures.js';
import type { RowMapping } from '../postgres/row-mapping.js';
import { sajuRecordsMapping } from '../postgres/saju-records.js';

const mappings: readonly RowMapping[] = [sajuRecordsMapping];

/** The mapping of a kind that consists of rows. */
export function mappingOf(kind: string): RowMapping {
  const mapping = mappings.find((candidate) => candidate.kind === kind);
  if (mapping === undefined) throw new Failure('invalid_input', `There are no rows of kind ${kind} to move.`);
  return mapping;
}
