#!/bin/bash
# What the entry point of the image postgres does: at the first start it makes the data folder and the database, and runs
# the scripts of /docker-entrypoint-initdb.d; then it becomes the command.
set -euo pipefail
export PGDATA=/var/lib/postgresql/data
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") --auth-local=trust \
    --auth-host=scram-sha-256 --no-sync ${POSTGRES_INITDB_ARGS-} >/dev/null
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  printf "listen_addresses = '*'\nunix_socket_directories = '/var/run/postgresql'\n" >>"$PGDATA/postgresql.conf"
  postgres -c listen_addresses= &
  until [ -S /var/run/postgresql/.s.PGSQL.5432 ] && psql --username "$POSTGRES_USER" --dbname postgres </dev/null; do sleep 0.1; done
  echo 'create database :"name"' | psql -v name="$POSTGRES_DB" --username "$POSTGRES_USER" --dbname postgres
  for script in /docker-entrypoint-initdb.d/*.sh; do if [ -e "$script" ]; then "$script"; fi; done
  kill -INT $!
  wait $!
fi
exec "$@"
