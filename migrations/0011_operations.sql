-- Up Migration
-- What a retry of rejects or a repair did: one row for each command, however often its work is interrupted.
create table ledger.operations (
  id bigint generated always as identity primary key,
  migration_id text not null references ledger.migrations,
  action text not null check (action in ('rejects/retry', 'repair')),
  -- The event of the command in ledger.events; 0 where there is none.
  event_id bigint not null,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  unique (migration_id, action, event_id)
);

-- Its rows by outcome, counted in the transactions that moved them.
create table ledger.operation_counts (
  operation_id bigint not null references ledger.operations,
  table_name text not null,
  outcome text not null,
  rows bigint not null,
  primary key (operation_id, table_name, outcome)
);

-- Counts rejects by reason, and lists those of one reason in the order of their ids.
create index rejects_by_reason on ledger.rejects (migration_id, table_name, reason, source_id) include (resolution);
