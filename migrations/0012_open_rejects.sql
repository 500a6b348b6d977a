-- Up Migration
-- Counts the rejects that no person has accepted, and finds whether there is one, without reading the others.
create index rejects_open on ledger.rejects (migration_id, table_name, source_id) where resolution = 'open';
