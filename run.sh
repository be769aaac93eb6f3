#!/usr/bin/env bash
# Starts AuthMesh, runs the client's tour, and leaves the mesh running at http://localhost:8080.
#
#   ./run.sh            in containers if a container engine answers, otherwise as processes of this machine
#   ./run.sh --local    always as processes of this machine; needs the .NET SDK and PostgreSQL
#   ./run.sh --stop     stops the mesh of either kind; keeps the data
#
# AUTHMESH_PORT=9090 sets another port, AUTHMESH_MAIL_PORT=9025 another one for the page with the mails, AUTHMESH_DATA=DIR another folder
# for the local mesh. The exit status is the tour's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

export AUTHMESH_PORT="${AUTHMESH_PORT:-8080}"
server="http://localhost:$AUTHMESH_PORT"
data="${AUTHMESH_DATA:-.authmesh}"
mesh=local-mesh/bin/Release/net10.0/local-mesh.dll

engine_answers() { docker compose version >/dev/null 2>&1 && docker version >/dev/null 2>&1; }

require_sdk() {
  if dotnet --version 2>/dev/null | grep -q '^10\.'; then return; fi
  echo "The .NET SDK 10.0 is missing: https://dotnet.microsoft.com/download/dotnet/10.0 (Ubuntu: apt-get install dotnet-sdk-10.0)" >&2
  exit 1
}

stop_local() { if [ -f "$mesh" ]; then dotnet "$mesh" --data "$data" --stop; fi; }

# Programs may resolve "localhost" to [::1] first, or only to it. On a machine without that address, the engine could not publish there.
publish_on_ipv6_too() {
  if [ -n "${COMPOSE_FILE:-}" ] || ! grep -qs '^0\{31\}1 ' /proc/net/if_inet6; then return; fi
  COMPOSE_FILE="docker-compose.yml:docker-compose.ipv6.yml"
  for own in docker-compose.override.yml docker-compose.override.yaml; do
    if [ -f "$own" ]; then COMPOSE_FILE="$COMPOSE_FILE:$own"; fi
  done
  export COMPOSE_FILE COMPOSE_PATH_SEPARATOR=:
}

start_in_containers() {
  publish_on_ipv6_too
  docker compose --profile client build # includes the client, which "up" would not rebuild
  docker compose up --wait
  mails="at http://localhost:${AUTHMESH_MAIL_PORT:-8025}"
  tour=(docker compose run --rm client tour)
}

start_on_this_machine() {
  require_sdk
  stop_local >/dev/null # a build must not overwrite running programs
  local-mesh/ensure-postgres.sh --early & # mostly downloads, while the build computes
  local installing=$!
  trap 'wait' EXIT # a package manager that is stopped in the middle leaves a mess
  echo "Building"
  export RunAnalyzers=${RunAnalyzers:-false} # other builds run them
  for project in local-mesh client; do
    dotnet build "$project" --configuration Release --nologo --verbosity quiet --consoleLoggerParameters:ErrorsOnly
  done
  wait "$installing" || true
  local-mesh/ensure-postgres.sh # says what is wrong, if anything is
  dotnet "$mesh" --data "$data" --port "$AUTHMESH_PORT" --detach
  mails="in $data/mails"
  tour=(dotnet run --project client --configuration Release --no-build -- tour --server "$server")
}

case "${1:-}" in
  '') if engine_answers; then start_in_containers; else start_on_this_machine; fi ;;
  --local) start_on_this_machine ;;
  --stop)
    stop_local
    if engine_answers; then docker compose down; fi
    exit ;;
  *)
    sed -n '2,/^set/s/^# \{0,1\}//p' run.sh
    [ "$1" = --help ]
    exit ;;
esac

status=0
echo
"${tour[@]}" || status=$?
echo
echo "AuthMesh keeps running at $server. Its mails arrive $mails. Stop it with ./run.sh --stop"
exit "$status"
