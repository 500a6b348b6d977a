-- Up Migration
create schema if not exists ledger;
create schema if not exists saju;

create table if not exists saju.charts (
  id bigint primary key,
  user_id text not null,
  birth_info jsonb not null,
  saju_chart jsonb not null,
  convention jsonb,
  interpretation text,
  created_at timestamptz not null,
  updated_at timestamptz,
  migrated_at timestamptz
);

create table if not exists saju.unconverted (
  id bigint primary key,
  payload jsonb not null,
  reason text not null,
  kept_at timestamptz not null
);

-- One row a run. The workflow writes status and stage; everything else is counted from the tables below.
create table ledger.migrations (
  id text primary key check (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  kind text not null,
  mode text not null check (mode in ('copy', 'live')),
  options jsonb not null,
  idempotency_key text unique,
  workflow_id text not null unique,
  run_id text,
  status text not null default 'running',
  stage text not null default 'preflight',
  blocked_by text,
  error jsonb,
  state_sequence bigint not null default 0,
  total bigint not null default 0,
  total_estimated boolean not null default true,
  frontier bigint not null default -9223372036854775808,
  source_exhausted boolean not null default false,
  operation_token bigint not null default 0,
  started_by text not null,
  started_at timestamptz not null default now(),
  finished_at timestamptz
);
create unique index migrations_one_unfinished_per_kind on ledger.migrations (kind) where finished_at is null;

-- Every claim of a range or of a verification takes the next value; a commit under an older one is refused.
create sequence ledger.claim_tokens;

-- A piece of the source's key space, (after, upto]; (after, position] is committed.
create table ledger.ranges (
  id bigint generated always as identity primary key,
  migration_id text not null references ledger.migrations,
  after bigint not null,
  upto bigint not null,
  position bigint not null,
  state text not null check (state in ('open', 'claimed', 'done')),
  token bigint not null,
  lane integer not null,
  worker text not null,
  claimed_at timestamptz not null default now(),
  finished_at timestamptz
);
create index ranges_unfinished on ledger.ranges (migration_id, id) where state <> 'done';

-- The log of what was moved: one row a batch, committed in the transaction that wrote the batch's rows.
create table ledger.batches (
  id bigint generated always as identity primary key,
  migration_id text not null references ledger.migrations,
  kind text not null,
  range_id bigint references ledger.ranges,
  token bigint not null,
  worker text not null,
  after bigint not null,
  upto bigint not null,
  migrated integer not null,
  rejected integer not null,
  warned integer not null default 0,
  bytes bigint not null,
  ids int8multirange not null,
  origin text not null check (origin in ('copied', 'adopted', 'retried', 'repaired')),
  state text not null default 'owned' check (state in ('owned', 'superseded', 'removed', 'final')),
  committed_at timestamptz not null default clock_timestamp()
);
create index batches_by_migration on ledger.batches (migration_id, committed_at);
create index batches_owned on ledger.batches (kind, upto) where state = 'owned';

-- Source items that could not be moved, with what they were and why.
create table ledger.rejects (
  migration_id text not null references ledger.migrations,
  source_id bigint not null,
  reason text not null,
  detail text not null,
  payload jsonb not null,
  attempts integer not null default 1,
  resolution text not null default 'open' check (resolution in ('open', 'accepted', 'migrated', 'gone')),
  first_rejected_at timestamptz not null default now(),
  last_attempt_at timestamptz not null default now(),
  accepted_by text,
  accepted_why text,
  accepted_at timestamptz,
  primary key (migration_id, source_id)
);
create index rejects_unresolved on ledger.rejects (migration_id, source_id) where resolution in ('open', 'accepted');

-- Comparisons of both databases, range by range.
create table ledger.verifications (
  id bigint generated always as identity primary key,
  migration_id text not null references ledger.migrations,
  status text not null default 'running' check (status in ('running', 'clean', 'mismatch', 'abandoned')),
  frontier bigint not null default -9223372036854775808,
  compared bigint not null default 0,
  source_rows bigint not null default 0,
  target_rows bigint not null default 0,
  rejected_rows bigint not null default 0,
  mismatched bigint not null default 0,
  started_at timestamptz not null default now(),
  finished_at timestamptz
);
create index verifications_by_migration on ledger.verifications (migration_id, id);

create table ledger.verified_ranges (
  verification_id bigint not null references ledger.verifications,
  after bigint not null,
  upto bigint not null,
  source_rows bigint not null,
  target_rows bigint not null,
  rejected_rows bigint not null,
  source_digest text not null,
  target_digest text not null,
  mismatched bigint not null,
  repaired_at timestamptz,
  compared_at timestamptz not null default clock_timestamp(),
  primary key (verification_id, after)
);

-- Where source and target differ. The values are record contents: read them only with the permission records:read.
create table ledger.mismatches (
  verification_id bigint not null references ledger.verifications,
  source_id bigint not null,
  field text not null,
  source_value text,
  target_value text,
  found_at timestamptz not null default now(),
  primary key (verification_id, source_id, field)
);

-- Rows that were in the way of a repair and that no run put there: taken out whole, put back by a rollback.
create table ledger.set_aside (
  id bigint generated always as identity primary key,
  migration_id text not null references ledger.migrations,
  kind text not null,
  source_id bigint not null,
  payload jsonb not null,
  set_aside_at timestamptz not null default now(),
  restored_at timestamptz
);

-- Who asked for what, and what the run did about it.
create table ledger.events (
  id bigint generated always as identity primary key,
  migration_id text not null references ledger.migrations,
  at timestamptz not null default clock_timestamp(),
  what text not null,
  by text not null,
  detail jsonb not null default '{}'
);
create index events_by_migration on ledger.events (migration_id, id);
