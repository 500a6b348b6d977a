-- Up Migration
-- A word of steering that a plan accepted and has not carried out yet.
alter table ledger.migrations add column pending text;
