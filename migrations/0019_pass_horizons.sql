-- Up Migration
-- The greatest id of a table that a pass has covered: rows that legacy adds later are behind it, and no verification claims them.
create table ledger.pass_horizons (
  migration_id text not null references ledger.migrations,
  table_name text not null,
  horizon bigint not null,
  primary key (migration_id, table_name)
);
