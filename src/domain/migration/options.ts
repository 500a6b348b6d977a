export const unmappedColumnChoices = ['refuse', 'accept'] as const;
export type UnmappedColumns = (typeof unmappedColumnChoices)[number];

/** The settings of one migration; every one has a default. */
export interface MigrationOptions {
  /** Rows in a batch: the unit of rejects and of the log. */
  readonly batch_rows: number;
  /** Bytes at which a batch closes early. */
  readonly batch_bytes: number;
  /** Copies that run at the same time. */
  readonly lanes: number;
  /** Share of rows, in percent, past which rejects block the run. */
  readonly reject_limit_percent: number;
  /** Rows a second over all lanes; null is no limit. */
  readonly rows_per_second: number | null;
  /** Milliseconds a probe of legacy may take before the copy slows down; null is no limit. */
  readonly legacy_latency_limit_ms: number | null;
  /** Whether a run begins although legacy's table has columns that the cube's has no place for: they stay behind. */
  readonly unmapped_columns: UnmappedColumns;
}

/** The names under which a person sets them. */
export function optionNames(): readonly string[] {
  return [...Object.keys(commonOptions), 'reject_limit_percent' satisfies keyof MigrationOptions];
}

/** What every kind begins with; the catalogue has what a kind says of its own. */
export const commonOptions: Omit<MigrationOptions, 'reject_limit_percent'> = {
  batch_rows: 1000,
  batch_bytes: 4 * 1024 * 1024,
  lanes: 2,
  rows_per_second: null,
  legacy_latency_limit_ms: 500,
  unmapped_columns: 'refuse',
};
