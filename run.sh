#!/usr/bin/env bash
# Starts AuthMesh, walks through it with the client, and leaves it running at http://localhost:8080.
#
#   ./run.sh            in containers where a container engine answers, otherwise as processes of this machine
#   ./run.sh --local    as processes of this machine in any case; needs the .NET SDK and PostgreSQL
#   ./run.sh --stop     stops what either has started; the data is kept
#
# AUTHMESH_PORT=9090 chooses another port, AUTHMESH_DATA=DIR another folder for the local mesh. The exit status is the walk's.
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

# Programs that hear "localhost" may try [::1] first, or alone. On a machine without that address the engine could not publish there.
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
  docker compose --profile client build # also the client, which otherwise stays what an earlier version built
  docker compose up --wait
  tour=(docker compose run --rm client tour)
}

start_on_this_machine() {
  require_sdk
  stop_local >/dev/null # what runs must not be built over
  echo "Building"
  for project in local-mesh client; do
    dotnet build "$project" --configuration Release --nologo --verbosity quiet --consoleLoggerParameters:ErrorsOnly -p:RunAnalyzers=false
  done
  local-mesh/ensure-postgres.sh
  dotnet "$mesh" --data "$data" --port "$AUTHMESH_PORT" --detach
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
echo "AuthMesh stays up at $server. Stop it with ./run.sh --stop"
exit "$status"
