-- The tables of the HEAL7 monolith that migrations read.
create table saju_records (
  id bigserial primary key, user_id text not null,
  birth_year int, birth_month int, birth_day int, birth_hour int, birth_minute int,
  is_solar boolean, is_leap_month boolean,
  year_pillar text, month_pillar text, day_pillar text, hour_pillar text,
  convention jsonb, interpretation text, created_at timestamptz, updated_at timestamptz
);
create table ai_models (
  id serial primary key, name text unique not null, version text, framework text, artifact_path text, sha256 text,
  input_schema jsonb, metrics jsonb, created_at timestamptz
);
create table paperwork_files (
  id bigserial primary key, path text unique not null, size bigint, mime_type text, metadata jsonb, created_at timestamptz
);
create table paperwork_results (
  id bigserial primary key, file_id bigint references paperwork_files, kind text, result jsonb, created_at timestamptz
);
create table crawler_jobs (
  id bigserial primary key, name text not null, urls text[] not null, cron_expression text, css_selectors jsonb,
  content_filters jsonb, rate_limit int, request_delay numeric, output_format text, status text, created_at timestamptz
);
create table crawler_results (
  id bigserial primary key, job_id bigint references crawler_jobs, url text, content jsonb, crawled_at timestamptz
);
create index crawler_results_job on crawler_results (job_id, id);
create table users (id text primary key, created_at timestamptz);
create table user_events (user_id text, kind text, session_id text, at timestamptz);
