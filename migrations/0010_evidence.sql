-- Up Migration
-- A kind's own evidence of a verification, which only the kind can give: what was compared, or how. Null until it has ended.
alter table ledger.verifications add column evidence jsonb;
