-- Up Migration
-- The content-addressed store: contents lie under their SHA-256 in CUBE_STORAGE_URL, and are durable there before a row names them.
create schema storage;

-- Every content that is stored. `stored_by` is the kind of migration whose steps stored it: its undo removes what nothing refers to any more.
create table storage.blobs (
  sha256 text primary key check (sha256 ~ '^[0-9a-f]{64}$'),
  size bigint not null check (size >= 0),
  stored_at timestamptz not null default now(),
  stored_by text
);

-- What a step is about to store, on record before it does: the undo of a step that was killed finds it here.
create table storage.intended (
  owner text not null,
  sha256 text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  primary key (owner, sha256)
);

-- What the newest verification that hashed a content found; `damage` is null for one that is whole.
create table storage.checks (
  sha256 text primary key,
  verification_id bigint not null,
  damage text,
  checked_at timestamptz not null default now()
);

create schema if not exists ai;

create table ai.models (
  id integer primary key,
  name text unique not null,
  active_version_id bigint,
  created_at timestamptz,
  migrated_at timestamptz
);

create sequence ai.model_version_ids;

-- `file_stats` says by name what each external file was like in legacy's folder when it was imported, as `statText` writes it.
-- `imported_by` is the migration that imported a version, until it is accepted: a rollback removes what still has one.
-- `former_version_id` is what was active before the version was activated.
create table ai.model_versions (
  id bigint primary key default nextval('ai.model_version_ids'),
  model_id integer not null,
  version text,
  form text check (form in ('float', 'int8')),
  sha256 text not null,
  source_sha256 text not null,
  files jsonb,
  framework text,
  input_schema jsonb,
  metrics jsonb,
  comparison jsonb,
  state text check (state in ('imported', 'active', 'retired', 'rejected')),
  imported_at timestamptz,
  file_stats jsonb,
  imported_by text,
  former_version_id bigint
);
create index model_versions_by_model on ai.model_versions (model_id, id);
create index model_versions_by_content on ai.model_versions (sha256);
-- A model has one active version.
create unique index model_versions_active on ai.model_versions (model_id) where state = 'active';

-- Every comparison that a run made of a version, also of one that was taken back since: the evidence report lists them.
create table ai.comparisons (
  id bigint generated always as identity primary key,
  migration_id text not null,
  model_id integer not null,
  version_id bigint not null,
  version text,
  form text not null,
  sha256 text not null,
  test_sha256 text,
  comparison jsonb not null,
  compared_at timestamptz not null default now()
);
create index comparisons_by_run on ai.comparisons (migration_id, model_id, id);

-- What the newest verification found when it had an active version predict; `failure` is null when the prediction was as it should be.
create table ai.smoke_predictions (
  version_id bigint primary key,
  verification_id bigint not null,
  failure text,
  predicted_at timestamptz not null default now()
);

-- Every reference to a content, of whatever kind: what is named here is not removed. A kind that stores contents adds its own.
create view storage.referenced as
  select sha256 from ai.model_versions
  union all
  select file.value from ai.model_versions cross join lateral jsonb_each_text(files) as file
   where jsonb_typeof(files) = 'object'
  union all
  select sha256 from storage.intended;
