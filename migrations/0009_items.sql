-- Up Migration
-- What was done to the items of a kind, as activating a model: one row a step, written before the step runs, so that a later
-- attempt or an undo finds it. `place` is the step's in its item; `token` rises with every attempt and every undo.
create table ledger.items (
  kind text not null,
  table_name text not null,
  item_id bigint not null,
  step text not null,
  place integer not null,
  migration_id text not null references ledger.migrations,
  state text not null check (state in ('begun', 'done', 'undone', 'final')),
  token bigint not null,
  changed_at timestamptz not null default clock_timestamp(),
  primary key (kind, table_name, item_id, step)
);
create index items_to_undo on ledger.items (kind, table_name, item_id) where state in ('begun', 'done');
