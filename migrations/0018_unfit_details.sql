-- Up Migration
-- Why a step found its item unfit, in full: it may quote names of any length, and what passes through a plan's history is short.
alter table ledger.items add column detail text;
