#!/usr/bin/env bash
# Runs once, when the legacy server's data folder is made: the crawler cube reads crawler_jobs and adds to crawler_results there, and
# does nothing else.
set -euo pipefail
psql -v ON_ERROR_STOP=1 -v database="$POSTGRES_DB" \
  --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
\getenv password CRAWLER_CUBE_PASSWORD
create role crawler_cube login password :'password';
grant connect on database :"database" to crawler_cube;
grant usage on schema public to crawler_cube;
-- The tables come later: its rights come with them.
create function public.give_crawler_cube_its_tables() returns event_trigger language plpgsql set search_path = pg_catalog as $$
declare
  made regclass;
begin
  for made in
    select objid::regclass from pg_event_trigger_ddl_commands()
     where classid = 'pg_class'::regclass
       and objid in (to_regclass('public.crawler_jobs'), to_regclass('public.crawler_results'))
  loop
    execute format('grant select on %s to crawler_cube', made);
    if made = to_regclass('public.crawler_results') then
      execute format('grant insert on %s to crawler_cube', made);
      execute format('grant usage on sequence %s to crawler_cube', pg_get_serial_sequence(made::text, 'id'));
    end if;
  end loop;
end $$;
create event trigger give_crawler_cube_its_tables on ddl_command_end when tag in ('CREATE TABLE')
  execute function public.give_crawler_cube_its_tables();
SQL
