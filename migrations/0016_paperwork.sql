-- Up Migration
create schema if not exists paperwork;

-- Legacy's path is the name of a file; its bytes lie in the store under `sha256`. `file_stat` says what the file was like in legacy's
-- folder when it was read, as `statText` writes it. Two rows may exchange their paths within one statement.
create table paperwork.files (
  id bigint primary key,
  path text not null,
  size bigint,
  mime_type text,
  metadata jsonb,
  created_at timestamptz,
  sha256 text not null,
  file_stat text,
  migrated_at timestamptz,
  constraint files_path unique (path) deferrable initially immediate
);
create index files_by_content on paperwork.files (sha256);

create table paperwork.results (
  id bigint primary key,
  file_id bigint not null,
  kind text,
  result jsonb,
  created_at timestamptz,
  made_by text,
  migrated_at timestamptz
);
create index results_by_file on paperwork.results (file_id, id);

-- Files of legacy's folder that no row of legacy's names, as a verification found them; a path is bytes, in no particular encoding.
create table paperwork.files_without_rows (
  id bigint generated always as identity primary key,
  verification_id bigint not null,
  path bytea not null,
  size bigint not null
);
create index files_without_rows_by_verification on paperwork.files_without_rows (verification_id, id);

-- Parts of a large content that are durable in the store while the rest is still to come, so that an attempt after a crash goes on with
-- the next one. `name` is the content's among those of its owner; `source` says what it was like when the part was read, and parts of
-- another one are dropped. `sha256` is of everything up to the end of the part.
create table storage.parts (
  owner text not null,
  name text not null,
  part integer not null check (part >= 0),
  source text not null,
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  size bigint not null check (size > 0),
  primary key (owner, name, part)
);

create index intended_by_content on storage.intended (sha256);

create or replace view storage.referenced as
  select sha256 from ai.model_versions
  union all
  select file.value from ai.model_versions cross join lateral jsonb_each_text(files) as file
   where jsonb_typeof(files) = 'object'
  union all
  select sha256 from storage.intended
  union all
  select sha256 from paperwork.files;
