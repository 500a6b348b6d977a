-- Up Migration
-- A kind may consist of several related tables. What the ledger says of a row it says by kind, table and id; `table_name` is
-- the table's name in legacy.
alter table ledger.ranges add column table_name text not null default 'saju_records';
alter table ledger.batches add column table_name text not null default 'saju_records';
alter table ledger.rejects add column table_name text not null default 'saju_records';
alter table ledger.verified_ranges add column table_name text not null default 'saju_records';
alter table ledger.mismatches add column table_name text not null default 'saju_records';
alter table ledger.set_aside add column table_name text not null default 'saju_records';
-- Rows from before this migration alone: every later one names its table.
alter table ledger.ranges alter column table_name drop default;
alter table ledger.batches alter column table_name drop default;
alter table ledger.rejects alter column table_name drop default;
alter table ledger.verified_ranges alter column table_name drop default;
alter table ledger.mismatches alter column table_name drop default;
alter table ledger.set_aside alter column table_name drop default;

drop index ledger.batches_owned;
create index batches_owned on ledger.batches (kind, table_name, upto) where state = 'owned';

alter table ledger.rejects drop constraint rejects_pkey, add primary key (migration_id, table_name, source_id);
drop index ledger.rejects_unresolved;
create index rejects_unresolved on ledger.rejects (migration_id, table_name, source_id) where resolution in ('open', 'accepted');
-- `withheld`: its parent was rejected later, and it follows that reject.
alter table ledger.rejects drop constraint rejects_resolution_check,
  add constraint rejects_resolution_check check (resolution in ('open', 'accepted', 'migrated', 'gone', 'withheld'));

alter table ledger.verified_ranges drop constraint verified_ranges_pkey, add primary key (verification_id, table_name, after);
alter table ledger.mismatches drop constraint mismatches_pkey, add primary key (verification_id, table_name, source_id, field);

-- Rows of a child table that are not moved because their parent is rejected, or follows a reject itself: no rejects of their
-- own. They are moved when their parent is.
create table ledger.withheld (
  migration_id text not null references ledger.migrations,
  table_name text not null,
  source_id bigint not null,
  parent_id bigint not null,
  -- The reject that they follow.
  reject_table text not null,
  reject_id bigint not null,
  withheld_at timestamptz not null default now(),
  released_at timestamptz,
  primary key (migration_id, table_name, source_id)
);
create index withheld_by_reject on ledger.withheld (migration_id, reject_table, reject_id) where released_at is null;

-- How far a table of the source is cut into ranges.
create table ledger.frontiers (
  migration_id text not null references ledger.migrations,
  table_name text not null,
  frontier bigint not null default -9223372036854775808,
  source_exhausted boolean not null default false,
  primary key (migration_id, table_name)
);
insert into ledger.frontiers select id, 'saju_records', frontier, source_exhausted from ledger.migrations;
alter table ledger.migrations drop column frontier, drop column source_exhausted;

-- How far a verification is in a table, and what the whole table held when the verification ended.
create table ledger.verified_tables (
  verification_id bigint not null references ledger.verifications,
  table_name text not null,
  frontier bigint not null default -9223372036854775808,
  source_total bigint,
  target_total bigint,
  owned_total bigint,
  primary key (verification_id, table_name)
);
insert into ledger.verified_tables
select id, 'saju_records', frontier, source_total, target_total, owned_total from ledger.verifications;
alter table ledger.verifications drop column frontier;
