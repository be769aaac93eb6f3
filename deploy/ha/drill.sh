#!/usr/bin/env bash
# Breaks a PostgreSQL cluster under load and counts what is lost: three nodes under Patroni, one etcd and two replicas of each service, as
# processes of this machine. The exit status is not 0 if an acknowledged write is missing or the token of an ended session is accepted.
#
#   deploy/ha/drill.sh              ten rounds, about ten minutes
#   deploy/ha/drill.sh --rounds 20
#   deploy/ha/drill.sh --short      one killed primary and one switch-over
#   deploy/ha/drill.sh --no-build …
#
# Needs the .NET SDK, PostgreSQL, Patroni and etcd. As root on Debian or Ubuntu, it installs missing programs other than the SDK.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

missing=()
for package in patroni:patroni etcd-server:etcd; do
  command -v "${package#*:}" >/dev/null || missing+=("${package%:*}")
done
python3 -c 'import etcd' 2>/dev/null || missing+=(python3-etcd) # Patroni talks to etcd through it
if [ "${#missing[@]}" -gt 0 ]; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "Missing: ${missing[*]} (Debian, Ubuntu: apt-get install ${missing[*]})" >&2
    exit 1
  fi
  echo "Installing ${missing[*]}"
  # Only the programs are needed, so the packages must not start servers.
  rule=/usr/sbin/policy-rc.d
  if [ ! -e "$rule" ]; then
    trap 'rm -f "$rule"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$rule"
    chmod +x "$rule"
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
  if [ -n "$(trap -p EXIT)" ]; then rm -f "$rule"; fi # the exec below would skip the trap
fi

if [ "${1:-}" = --no-build ]; then
  shift
else
  echo "Building"
  dotnet build bench/bench.csproj --configuration Release --nologo --verbosity quiet --consoleLoggerParameters:ErrorsOnly \
    -p:RunAnalyzers=false
fi
local-mesh/ensure-postgres.sh >/dev/null
exec dotnet bench/bin/Release/net10.0/bench.dll fail-over "$@"
