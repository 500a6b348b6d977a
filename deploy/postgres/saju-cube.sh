#!/usr/bin/env bash
# Runs once, when the legacy server's data folder is made: the saju cube reads and writes saju_records there and nothing else.
set -euo pipefail
psql -v ON_ERROR_STOP=1 -v database="$POSTGRES_DB" \
  --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\getenv password SAJU_CUBE_PASSWORD
create role saju_cube login password :'password';
grant connect on database :"database" to saju_cube;
grant usage on schema public to saju_cube;
-- The table comes later: its rights come with it.
create function public.give_saju_cube_its_table() returns event_trigger language plpgsql set search_path = pg_catalog as $$
begin
  if not exists (select from pg_event_trigger_ddl_commands()
                  where classid = 'pg_class'::regclass and objid = to_regclass('public.saju_records')) then
    return;
  end if;
  grant select, insert, update, delete on public.saju_records to saju_cube;
  if pg_get_serial_sequence('public.saju_records', 'id') is not null then
    execute format('grant usage on sequence %s to saju_cube', pg_get_serial_sequence('public.saju_records', 'id'));
  end if;
end $$;
create event trigger give_saju_cube_its_table on ddl_command_end when tag in ('CREATE TABLE')
  execute function public.give_saju_cube_its_table();
SQL
