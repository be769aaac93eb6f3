#!/usr/bin/env bash
# Restores a file of backup.sh, all of it or nothing.
#
#   deploy/restore.sh [--compose[=SERVICE]] [--replace] FILE
#
# The database must exist, and must be empty. --replace deletes everything in it first. Where PostgreSQL is and which programs are needed:
# see deploy/backup.sh. The tables will belong to the user that restores them.
#
# Keep the replicas of the identity service running. They repeat what they know to be revoked: docs/operations/backup.md
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/dump.sh"

service=
may_replace=no
while [[ "${1:-}" = --* ]]; do
  case "$1" in
    --compose) service=postgres ;;
    --compose=?*) service=${1#*=} ;;
    --replace) may_replace=yes ;;
    *) refuse_connection_strings "$@"; show_usage >&2; exit 2 ;;
  esac
  shift
done
refuse_connection_strings "$@"
if [ $# != 1 ]; then show_usage >&2; exit 2; fi
file=$1

if [ ! -r "$file" ] || [ ! -f "$file" ]; then fail "The file $file cannot be read."; fi
check_place
check_dump "$file" "$file"

# --- what is there now

readonly own="n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = o.oid AND d.deptype = 'e')" # neither the system's nor an extension's

ask() { # ask QUERY
  tool psql --no-psqlrc --no-password --tuples-only --no-align --command="$1" </dev/null ||
    fail "The database does not answer. Nothing was changed."
}

encoding=$(ask "SHOW server_encoding")
if [ "$encoding" != UTF8 ]; then
  fail "The database has the encoding $encoding. Create one with UTF8: CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8'"
fi

objects=$(ask "SELECT count(*) FROM
  (SELECT oid, relnamespace AS schema FROM pg_class UNION ALL SELECT oid, pronamespace FROM pg_proc) o
  JOIN pg_namespace n ON n.oid = o.schema WHERE $own")
if [ "$objects" != 0 ] && [ "$may_replace" = no ]; then
  fail "The database is not empty: it holds $objects tables, indexes and functions. Nothing was changed.
Create an empty database, or let --replace delete everything in this one."
fi

# --- one transaction

write_sql() {
  # The lock is the one that replicas take when they start, so that none creates its tables meanwhile.
  cat <<SQL
BEGIN;
SET LOCAL lock_timeout = '30s';
SET LOCAL client_min_messages = warning;
SELECT pg_advisory_xact_lock($((0x617574686d657368)));
SQL
  if [ "$may_replace" = yes ]; then write_drops; fi
  # A client that ends within a transaction has changed nothing. So an end of the dump that cannot be read changes nothing.
  tool pg_restore --file=- --no-owner --no-privileges <"$file" && echo "COMMIT;"
}

# Object by object: to drop the schema would take away the rights that others have in it.
write_drops() {
  cat <<SQL
DO \$\$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT n.nspname, o.relname, CASE o.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
            WHEN 'f' THEN 'FOREIGN TABLE' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind
        FROM pg_class o JOIN pg_namespace n ON n.oid = o.relnamespace WHERE o.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND $own
    LOOP
        EXECUTE format('DROP %s IF EXISTS %I.%I CASCADE', found.kind, found.nspname, found.relname);
    END LOOP;
    FOR found IN SELECT n.nspname, o.proname, pg_get_function_identity_arguments(o.oid) AS arguments
        FROM pg_proc o JOIN pg_namespace n ON n.oid = o.pronamespace WHERE $own
    LOOP
        EXECUTE format('DROP ROUTINE IF EXISTS %I.%I(%s) CASCADE', found.nspname, found.proname, found.arguments);
    END LOOP;
END
\$\$;
SQL
}

write_sql | tool psql --no-psqlrc --no-password --quiet --output=/dev/null --set=ON_ERROR_STOP=1 ||
  fail "The restore failed. It changed nothing, unless the connection broke at its very end."

echo "Restored $file. The services work again within seconds if they have the master key of that time." >&2
echo "What is lost, and what to do now: docs/operations/backup.md" >&2
