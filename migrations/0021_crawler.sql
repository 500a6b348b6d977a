-- Up Migration
-- The jobs of the crawler cube. The runner of a job is the side that executes it; the epoch rises with each change of the runner.
create schema if not exists crawler;
create table crawler.jobs (
  id bigint primary key,
  name text not null,
  target_urls text[] not null,
  schedule jsonb,
  extraction_rules jsonb,
  rate_limiting jsonb,
  output_format text,
  status text not null,
  created_at timestamptz,
  runner text not null check (runner in ('legacy', 'cube')),
  epoch bigint not null,
  schedule_id text,
  calendars jsonb,
  migrated_at timestamptz
);

create table crawler.results (
  id bigint primary key,
  job_id bigint,
  url text,
  content jsonb,
  crawled_at timestamptz,
  run_id text,
  written_back_at timestamptz,
  migrated_at timestamptz
);
create index results_by_job on crawler.results (job_id, id);
create index results_to_write_back on crawler.results (id) where run_id is not null and written_back_at is null;

create table crawler.runs (
  run_id text primary key,
  job_id bigint,
  epoch bigint,
  due_at timestamptz,
  started_at timestamptz,
  ended_at timestamptz,
  outcome text check (outcome in ('done', 'partly', 'failed', 'stopped'))
);
create index runs_by_job on crawler.runs (job_id, started_at);

-- How far a run is, until it has ended: its job as it was at the start, how many of the URLs were taken, and which of these are still to be
-- fetched. A job has one at a time.
create table crawler.open_runs (
  run_id text primary key references crawler.runs on delete cascade,
  job_id bigint unique not null,
  urls text[] not null,
  extraction_rules jsonb,
  rate_limiting jsonb,
  taken integer not null default 0,
  postponed integer[] not null default '{}',
  fetched integer not null default 0,
  failed integer not null default 0,
  stopping boolean not null default false,
  touched_at timestamptz not null
);

-- Who may fetch for a job and commit its results. The token rises when the holder changes, the beat with each renewal; rows stay when jobs
-- leave, so that no token comes twice.
create table crawler.leases (
  job_id bigint primary key,
  token bigint not null,
  beat bigint not null,
  holder text
);

-- What the schedule of a job in Temporal was made of, and why one could not be made.
create table crawler.schedules (
  job_id bigint primary key,
  applied text not null,
  problem text,
  triggered_at timestamptz
);

-- What the page said that a URL led to when it was fetched last, for these rules of extraction.
create table crawler.validators (
  job_id bigint not null,
  url_hash text not null,
  rules_hash text not null,
  page_url text not null,
  etag text,
  last_modified text,
  primary key (job_id, url_hash)
);

-- Numbers of the sequence of legacy's results that were drawn ahead and are still to be given.
create table crawler.result_ids (
  next bigint primary key,
  last bigint not null,
  check (next <= last)
);

-- What was fetched, by job and host, for metrics: pages, bytes, seconds of waiting, and failures by reason.
create table crawler.totals (
  job_id bigint not null,
  host text not null,
  measure text not null,
  value double precision not null,
  primary key (job_id, host, measure)
);
