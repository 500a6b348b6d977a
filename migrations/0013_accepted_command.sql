-- Up Migration
-- What the plan accepted about rejects or a repair and has not carried out to its end: a plan that replaces a lost one needs it.
alter table ledger.migrations add column command jsonb;
