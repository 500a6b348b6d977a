#!/usr/bin/env bash
# Runs once, when the legacy server's data folder is made: the engine's role there reads saju_records and nothing else.
set -euo pipefail
psql -v ON_ERROR_STOP=1 -v database="$POSTGRES_DB" -v owner="$POSTGRES_USER" \
  --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\getenv password ENGINE_PASSWORD
create role engine_reader login password :'password';
alter role engine_reader set default_transaction_read_only = on;
grant connect on database :"database" to engine_reader;
grant usage on schema public to engine_reader;
-- The table comes later here; with one that is there already: grant select on public.saju_records to engine_reader.
alter default privileges for role :"owner" in schema public grant select on tables to engine_reader;
SQL
