#!/usr/bin/env bash
# Runs once, when the legacy server's data folder is made: the paperwork cube reads and writes paperwork_files and paperwork_results there
# and nothing else.
set -euo pipefail
psql -v ON_ERROR_STOP=1 -v database="$POSTGRES_DB" \
  --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\getenv password PAPERWORK_CUBE_PASSWORD
create role paperwork_cube login password :'password';
grant connect on database :"database" to paperwork_cube;
grant usage on schema public to paperwork_cube;
-- The tables come later: its rights come with them.
create function public.give_paperwork_cube_its_tables() returns event_trigger language plpgsql set search_path = pg_catalog as $$
declare
  made regclass;
begin
  for made in
    select objid::regclass from pg_event_trigger_ddl_commands()
     where classid = 'pg_class'::regclass
       and objid in (to_regclass('public.paperwork_files'), to_regclass('public.paperwork_results'))
  loop
    execute format('grant select, insert, update, delete on %s to paperwork_cube', made);
    if pg_get_serial_sequence(made::text, 'id') is not null then
      execute format('grant usage on sequence %s to paperwork_cube', pg_get_serial_sequence(made::text, 'id'));
    end if;
  end loop;
end $$;
create event trigger give_paperwork_cube_its_tables on ddl_command_end when tag in ('CREATE TABLE')
  execute function public.give_paperwork_cube_its_tables();
SQL
