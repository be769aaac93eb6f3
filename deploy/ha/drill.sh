#!/usr/bin/env bash
# Breaks a PostgreSQL cluster under load and counts what is lost: three nodes under Patroni, one etcd and two replicas of each service, as
# processes of this machine. The exit status is not 0 if an acknowledged write is missing or the token of an ended session is accepted.
#
#   deploy/ha/drill.sh                ten rounds, about ten minutes
#   deploy/ha/drill.sh --rounds 20
#   deploy/ha/drill.sh --short        one killed primary and one switch-over, with one gateway and one resource service
#   deploy/ha/drill.sh --no-build …   takes the last Release build
#   deploy/ha/drill.sh --containers … the same in the containers of docker-compose.yml, whose networks it cuts
#
# Needs the .NET SDK, and an engine with docker compose or PostgreSQL, Patroni and etcd. As root on Debian or Ubuntu, it installs missing
# programs other than the SDK and the engine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

build=yes containers= options=()
for argument in "$@"; do
  case "$argument" in
    --no-build) build= ;;
    --containers) containers=yes ;;
    *) options+=("$argument") ;;
  esac
done

if [ -z "$containers" ]; then deploy/ha/ensure-patroni.sh; fi
if [ -n "$build" ]; then
  echo "Building"
  dotnet build bench/bench.slnx --configuration Release --nologo --verbosity quiet --consoleLoggerParameters:ErrorsOnly \
    -p:RunAnalyzers=false
fi

if [ -z "$containers" ]; then
  local-mesh/ensure-postgres.sh >/dev/null
  exec dotnet bench/bin/Release/net10.0/bench.dll fail-over "${options[@]}"
fi

export AUTHMESH_PORT=${AUTHMESH_PORT:-8080} AUTHMESH_SECOND_PORT=${AUTHMESH_SECOND_PORT:-8090}
compose=(docker compose -f deploy/ha/docker-compose.yml -f deploy/ha/docker-compose.drill.yml)
trap '"${compose[@]}" down --volumes --timeout 10' EXIT
"${compose[@]}" up --build --wait
dotnet bench/bin/Release/net10.0/bench.dll fail-over "${options[@]}" \
  --gateways "http://localhost:$AUTHMESH_PORT" "http://localhost:$AUTHMESH_SECOND_PORT"
