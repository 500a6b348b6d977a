-- Up Migration
-- The state of the run in which a verification was asked for: a try that is repeated finds it, one that comes late none.
alter table ledger.verifications add column state_sequence bigint;
alter table ledger.verifications add unique (migration_id, state_sequence);
