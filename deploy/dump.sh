# What backup.sh and restore.sh share. They read this file; it is no program of its own.

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

# The lines between the first and the first line of code of the calling script.
show_usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; }

# Runs PostgreSQL's pg_dump, pg_restore or psql: in the container of Compose, or on this machine. Files pass through the standard streams.
# Nobody is asked for a password, because nobody may be there.
tool() { # tool NAME ARGUMENTS...
  if [ -n "$service" ]; then
    docker compose exec -T "$service" sh -c \
      'export PGUSER="${POSTGRES_USER:-postgres}" PGPASSWORD="${POSTGRES_PASSWORD:-}"
      export PGDATABASE="${POSTGRES_DB:-$PGUSER}"; exec "$@"' sh "$@"
  else
    "$@"
  fi
}

# Sets service to the name of the service in Compose, or to nothing if libpq's environment says where PostgreSQL is.
check_place() {
  if [ -n "$service" ]; then
    docker compose exec -T "$service" true </dev/null ||
      fail "The service $service of Compose does not run. Start this script in the folder of the Compose file."
    return
  fi

  # Without a name, libpq would take the database that is called like the user.
  if [ -z "${PGDATABASE:-}${PGSERVICE:-}" ]; then
    fail "Set PGHOST, PGUSER and PGDATABASE, and PGPASSFILE or PGPASSWORD. Or use --compose."
  fi
  for program in pg_dump pg_restore psql; do
    if ! command -v "$program" >/dev/null; then
      fail "$program is missing. Install PostgreSQL's client programs, at least of the server's version."
    fi
  done
  export PGCONNECT_TIMEOUT="${PGCONNECT_TIMEOUT:-10}"
}

# A password in an argument would be visible to every user of the machine.
refuse_connection_strings() {
  local argument
  for argument in "$@"; do
    case "$argument" in
      *://* | *password=* | *Password=*)
        fail "Give no connection string as an argument. Set PGHOST, PGUSER and PGDATABASE, and PGPASSFILE or PGPASSWORD." ;;
    esac
  done
}

# Reads a dump to its end. Its table of contents stands at the beginning, so a list alone would not miss an end that was cut off.
check_dump() { # check_dump FILE NAME
  local contents table
  contents=$(tool pg_restore --list <"$1") || fail "$2 is no dump in PostgreSQL's custom format."
  for table in __EFMigrationsHistory revocations ring_keys sessions users; do
    if ! grep -q " TABLE DATA [^ ]* $table " <<<"$contents"; then
      fail "$2 has no table $table. It is not a dump of an identity service's database."
    fi
  done
  tool pg_restore --file=- <"$1" >/dev/null || fail "$2 is incomplete or damaged."
}
