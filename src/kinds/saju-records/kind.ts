import type { Kind } from '../kind.js';
import { createRowsKind } from '../rows/rows-kind.js';
import { sajuRecordsMapping } from './mapping.js';
import { readSajuRow, sampleSajuRows } from './sample.js';

/** Plan `rows`, cube `saju-cube`, schema `saju`: saju_records of the monolith become saju.charts. */
export const sajuRecords: Kind = {
  ...createRowsKind([sajuRecordsMapping]),
  answers: {
    sample: sampleSajuRows,
    read: readSajuRow,
    path: (id) => `/records/${id}`,
    permission: 'saju:call',
  },
};
