#!/usr/bin/env bash
# Compares AuthMesh with the alternatives on this machine, and writes the results to bench/results.md and bench/charts.
#
#   bench/run.sh            runs everything, about half an hour; run it on an otherwise idle machine
#   bench/run.sh --smoke    only checks that every benchmark runs, about three minutes; its figures mean nothing and are not saved
#   bench/run.sh --only protected start    runs some benchmarks and only prints the results
#
# Needs the .NET SDK, PostgreSQL, nginx, HAProxy and wrk. As root on Debian or Ubuntu, it installs missing programs other than the SDK.
# bench/README.md explains each row. The exit status says whether everything ran, never how fast it was.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bench/ensure-programs.sh nginx-light:nginx haproxy:haproxy wrk:wrk
export PATH=$PATH:/usr/sbin # where Debian keeps nginx and haproxy

configuration=Release
bench=bench/bin/$configuration/net10.0/bench.dll

echo "Building"
dotnet build bench/bench.slnx --configuration "$configuration" --nologo --verbosity quiet --consoleLoggerParameters:ErrorsOnly \
  -p:RunAnalyzers=false # the solution's build analyzes the benchmarks; the peers are as others would write them
local-mesh/ensure-postgres.sh
if [ "${1:-}" = --smoke ]; then exec dotnet "$bench" compare "$@"; fi

# The services as in the images, and as with NATIVE=true. The benchmarks of start, memory and first seconds use these.
published=bench/bin/published
architecture=linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
publish() { # publish SERVICE FOLDER OPTION...
  dotnet publish "$1" --nologo --verbosity quiet --runtime "$architecture" --output "$published/$2/$1" -p:AheadOfTime=true "${@:3}"
}
for service in identity-service resource-service gateway; do publish "$service" default; done
for service in resource-service gateway; do publish "$service" native -p:Native=true -p:NuGetLockFilePath=obj/native.lock.json; done
rm -rf "$published/native/identity-service"
cp -r "$published/default/identity-service" "$published/native/"
export AUTHMESH_PUBLISHED=$published

if [ "$#" -gt 0 ]; then
  exec dotnet "$bench" compare "$@"
fi
exec dotnet "$bench" compare --output bench/results.md
