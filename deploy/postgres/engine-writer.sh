#!/usr/bin/env bash
# Runs once, when the cube server's data folder is made: the engine's role owns the schemas `ledger` and `saju` it makes.
set -euo pipefail
psql -v ON_ERROR_STOP=1 -v database="$POSTGRES_DB" \
  --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\getenv password ENGINE_PASSWORD
create role engine_writer login password :'password';
grant connect, create on database :"database" to engine_writer;
SQL
