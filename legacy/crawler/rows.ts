/** A row of legacy's table `crawler_jobs`; JSON as text, decimals and times as PostgreSQL reads them, `NaN` and `infinity` among them. */
export interface JobRow {
  readonly id: number;
  readonly name: string;
  readonly urls: readonly (string | null)[];
  readonly cron_expression: string | null;
  readonly css_selectors: string | null;
  readonly content_filters: string | null;
  readonly rate_limit: number | null;
  readonly request_delay: string | null;
  readonly output_format: string | null;
  readonly status: string | null;
  readonly created_at: string | null;
}

/** A row of legacy's table `crawler_results`. */
export interface ResultRow {
  readonly id: number;
  readonly job_id: number | null;
  readonly url: string | null;
  readonly content: string | null;
  readonly crawled_at: string | null;
}
