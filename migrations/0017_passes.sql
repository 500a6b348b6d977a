-- Up Migration
-- What legacy's rows were when a pass found them equal to the cube's: a pass touches only ranges that legacy has changed since.
create table ledger.passed_ranges (
  migration_id text not null references ledger.migrations,
  table_name text not null,
  after bigint not null,
  upto bigint not null,
  source_rows bigint not null,
  source_digest text not null,
  -- When a pass found that legacy had changed the range since the pass before; null while none has.
  changed_at timestamptz,
  primary key (migration_id, table_name, after)
);

alter table ledger.batches drop constraint batches_origin_check,
  add constraint batches_origin_check check (origin in ('copied', 'adopted', 'retried', 'repaired', 'passed'));
