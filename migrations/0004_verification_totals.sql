-- Up Migration
-- What the whole tables held when a verification ended, and in a sentence what does not add up.
alter table ledger.verifications
  add column source_total bigint,
  add column target_total bigint,
  add column owned_total bigint,
  add column disagreement text;
