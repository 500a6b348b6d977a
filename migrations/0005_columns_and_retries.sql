-- Columns of the source that the mapping does not carry, as the run's preflight found them.
alter table ledger.migrations add column unmapped_columns text[] not null default '{}';
-- What the step at hand failed by last, for as long as it is tried again: {type, message, hint}.
alter table ledger.migrations add column retried_failure jsonb;
