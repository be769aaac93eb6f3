#!/usr/bin/env bash
# Checks that an earlier commit serves beside this checkout, as during a deployment: bench/beside.sh [--no-build] [COMMIT]
# Without a COMMIT, it takes the one before the newest migration. With --no-build, it takes the last Release build and the services that
# test.sh published. Needs the .NET SDK, PostgreSQL and the history of git; takes two minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
no_build=
if [ "${1:-}" = --no-build ]; then no_build=yes; shift; fi
if [ $# -gt 0 ]; then
  commit=$1
else
  commit=$(git log -1 --diff-filter=A --format=%H -- 'identity-service/Platform/Database/Migrations/2*.cs')^
fi

git rev-parse --quiet --verify "$commit^{commit}" >/dev/null || { echo "The history of git does not have $commit" >&2; exit 1; }
local-mesh/ensure-postgres.sh

earlier=$(mktemp -d)
trap 'git worktree remove --force "$earlier/source" 2>/dev/null || true; rm -rf "$earlier"' EXIT
git worktree add --quiet --detach "$earlier/source" "$commit"

publish() { # publish SOURCE OUTPUT SERVICE...
  local source=$1 output=$2
  shift 2
  echo "Publishing $(git -C "$source" log -1 --format='%h %s')"
  for service in "$@"; do
    dotnet publish "$source/$service" --nologo --verbosity quiet --output "$output/$service" -p:RunAnalyzers=false
  done
}
publish "$earlier/source" "$earlier/published" identity-service resource-service
now=test-mesh/bin/published
if [ -z "$no_build" ]; then
  now=$earlier/now
  publish . "$now" identity-service resource-service gateway
  dotnet build bench/bench.csproj --configuration Release --nologo --verbosity quiet --consoleLoggerParameters:ErrorsOnly \
    -p:RunAnalyzers=false
fi

cp -r "$now/gateway" "$earlier/published/" # no check goes through it
dotnet bench/bin/Release/net10.0/bench.dll beside "$earlier/published" "$now"
