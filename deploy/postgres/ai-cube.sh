#!/usr/bin/env bash
# Runs once, when the legacy server's data folder is made: the AI cube reads ai_models there and nothing else.
set -euo pipefail
psql -v ON_ERROR_STOP=1 -v database="$POSTGRES_DB" \
  --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\getenv password AI_CUBE_PASSWORD
create role ai_cube login password :'password';
grant connect on database :"database" to ai_cube;
grant usage on schema public to ai_cube;
-- The table comes later: its rights come with it.
create function public.give_ai_cube_its_table() returns event_trigger language plpgsql set search_path = pg_catalog as $$
begin
  if not exists (select from pg_event_trigger_ddl_commands()
                  where classid = 'pg_class'::regclass and objid = to_regclass('public.ai_models')) then
    return;
  end if;
  grant select on public.ai_models to ai_cube;
end $$;
create event trigger give_ai_cube_its_table on ddl_command_end when tag in ('CREATE TABLE')
  execute function public.give_ai_cube_its_table();
SQL
