import type { JobRow, ResultRow } from '../rows.js';

/** A row that differs from a usual one in what it tries; its name, where `row` has none, is the one of `expected.json`. */
export interface SpecialJob {
  readonly name: string;
  readonly row: Partial<Omit<JobRow, 'id' | 'urls'>>;
  /** Those of the row: a path is one of the site. */
  readonly urls?: readonly (string | null)[];
  /** How many results the job has. */
  readonly results?: number;
}

/** `of: 'none'` has no job; others belong to one that converts. */
export interface SpecialResult {
  readonly name: string;
  readonly of: 'a job' | 'none';
  readonly row: Partial<Omit<ResultRow, 'id' | 'job_id'>>;
}
