#!/bin/sh
# Writes .env for docker compose: .env.example with a new secret for each empty one, readable by its user alone. A .env
# that is there already stays as it is. With --stand-in the monolith is the stand-in.
set -eu
cd "$(dirname "$0")/.."
umask 077
case "${1-}" in
  '' | --stand-in) ;;
  *) echo 'usage: sh deploy/new-env.sh [--stand-in]' >&2; exit 2 ;;
esac

if [ -e .env ]; then
  echo '.env is there already; it was not changed.' >&2
  exit 1
fi

secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# For the stand-in; docker compose puts the passwords in.
stand_in() {
  case "$1" in
    COMPOSE_PROFILES) echo stand-in ;;
    LEGACY_DATABASE_URL) echo 'postgres://engine_reader:${LEGACY_ENGINE_PASSWORD}@legacy-postgres:5432/heal7' ;;
    SAJU_CUBE_LEGACY_URL) echo 'postgres://saju_cube:${LEGACY_SAJU_CUBE_PASSWORD}@legacy-postgres:5432/heal7' ;;
    LEGACY_SAJU_URL) echo http://legacy-saju:8011 ;;
    AI_CUBE_LEGACY_URL) echo 'postgres://ai_cube:${LEGACY_AI_CUBE_PASSWORD}@legacy-postgres:5432/heal7' ;;
    LEGACY_AI_URL) echo http://legacy-ai:8012 ;;
    PAPERWORK_CUBE_LEGACY_URL) echo 'postgres://paperwork_cube:${LEGACY_PAPERWORK_CUBE_PASSWORD}@legacy-postgres:5432/heal7' ;;
    LEGACY_PAPERWORK_URL) echo http://legacy-paperwork:8013 ;;
    CRAWLER_CUBE_LEGACY_URL) echo 'postgres://crawler_cube:${LEGACY_CRAWLER_CUBE_PASSWORD}@legacy-postgres:5432/heal7' ;;
    LEGACY_CRAWLER_URL) echo http://legacy-crawler:8014 ;;
  esac
}

new=".env.new.$$"
trap 'rm -f "$new"' EXIT
# A shell that a signal ends runs no EXIT trap by itself.
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# A file that is there already is not written into.
set -C
while IFS= read -r line; do
  case "$line" in
    *_PASSWORD= | *_SECRET=) echo "$line$(secret)" ;;
    [A-Z]*=) if [ "${1-}" = --stand-in ]; then echo "$line$(stand_in "${line%=}")"; else echo "$line"; fi ;;
    *) echo "$line" ;;
  esac
done <.env.example >"$new"
# The user of the stand-in's database runs these; a checkout may be closed to other users.
chmod a+rx deploy/postgres/*.sh
# Unlike a rename, a link never replaces a file.
ln "$new" .env
echo '.env was written; only you can read it.' >&2
if [ -z "${1-}" ]; then
  echo 'Fill in LEGACY_DATABASE_URL, SAJU_CUBE_LEGACY_URL, LEGACY_SAJU_URL, AI_CUBE_LEGACY_URL, LEGACY_AI_URL, LEGACY_MODELS, PAPERWORK_CUBE_LEGACY_URL, LEGACY_PAPERWORK_URL, LEGACY_FILES, CRAWLER_CUBE_LEGACY_URL and LEGACY_CRAWLER_URL there.' >&2
fi
