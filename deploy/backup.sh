#!/usr/bin/env bash
# Writes the whole database of the identity service into one new file, and prints its path.
#
#   deploy/backup.sh [--compose[=SERVICE]] FOLDER
#
# Without --compose, libpq's environment says where PostgreSQL is: PGHOST, PGPORT, PGUSER, PGDATABASE, and PGPASSFILE or PGPASSWORD. The
# programs of PostgreSQL's client must be at least of the server's version. With --compose, they run in the service SERVICE (postgres) of
# the Compose project in this folder. The exit status is 0 only if the file is complete and on disk.
#
# The file opens nothing without the master key, which is not in it. Keep the key elsewhere: docs/operations/backup.md
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/dump.sh"

service=
case "${1:-}" in
  --compose) service=postgres; shift ;;
  --compose=?*) service=${1#*=}; shift ;;
esac
refuse_connection_strings "$@"
if [ $# != 1 ] || [[ "$1" = -* ]]; then show_usage >&2; exit 2; fi
folder=$1

umask 077 # only the owner may read it
check_place
mkdir -p "$folder" || fail "The folder $folder cannot be created."
unfinished=$(mktemp "$folder/.unfinished-XXXXXX") || fail "The folder $folder takes no file."
trap 'rm -f "$unfinished"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

file=$folder/authmesh-$(date -u +%Y%m%dT%H%M%SZ).dump
# Through a pipe: into a file, pg_dump writes the table of contents a second time, at the end, and a cut there would show nowhere.
tool pg_dump --format=custom --no-password --lock-wait-timeout=60s </dev/null | cat >"$unfinished" ||
  fail "pg_dump failed. No backup was written."
check_dump "$unfinished" "What pg_dump wrote"

sync "$unfinished" "$folder" || fail "The backup may not be on disk. It was removed."
mv -n "$unfinished" "$file" || true # newer versions report a file that exists, older ones do not
if [ -e "$unfinished" ]; then fail "$file exists already. It was kept, and no backup was written."; fi
sync "$folder"

echo "$file"
echo "The file opens only with the present master key. Keep that key too, at another place: docs/operations/backup.md" >&2
