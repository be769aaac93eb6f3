#!/usr/bin/env bash
# Breaks parts of a mesh under load, one fault after the other, and writes bench/faults.md and the charts beside it.
#
#   bench/faults.sh                       every fault, about 20 minutes, five of them without the identity service
#   bench/faults.sh --only disk-full ...  some faults; prints and writes nothing. --help lists their names
#
# Needs the .NET SDK, PostgreSQL and libfaketime, and for the full disk root. As root on Debian or Ubuntu, it installs what is missing other
# than the SDK. The exit status is 1 if an acknowledged write is lost, an ended token is accepted, a mesh does not recover, or a fault
# cannot run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! compgen -G "/usr/lib/*/faketime/libfaketimeMT.so.1" >/dev/null; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing faketime"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends faketime >/dev/null
  else
    echo "libfaketime is missing, so the faults of clocks will not run (Debian, Ubuntu: apt-get install faketime)" >&2
  fi
fi

echo "Building"
dotnet build bench/bench.slnx --configuration Release --nologo --verbosity quiet --consoleLoggerParameters:ErrorsOnly -p:RunAnalyzers=false
local-mesh/ensure-postgres.sh
if [ "$#" -gt 0 ]; then exec dotnet bench/bin/Release/net10.0/bench.dll faults "$@"; fi
exec dotnet bench/bin/Release/net10.0/bench.dll faults --output bench/faults.md
