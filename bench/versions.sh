#!/usr/bin/env bash
# Compares the speed of this checkout with that of an earlier commit, in one run and in turns: bench/versions.sh COMMIT [--rounds N]
# Needs the .NET SDK, PostgreSQL and wrk. Run it on an otherwise idle machine; it takes about five minutes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
commit=${1:?"usage: bench/versions.sh COMMIT [--rounds N]"}
shift

command -v wrk >/dev/null || { echo "Missing: wrk (Debian, Ubuntu: apt-get install wrk)" >&2; exit 1; }
local-mesh/ensure-postgres.sh

earlier=$(mktemp -d)
trap 'git worktree remove --force "$earlier/source" 2>/dev/null || true; rm -rf "$earlier"' EXIT
git worktree add --quiet --detach "$earlier/source" "$commit"

architecture=linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
publish() { # publish SOURCE OUTPUT
  echo "Publishing $(git -C "$1" log -1 --format='%h %s')"
  for service in identity-service resource-service gateway; do
    dotnet publish "$1/$service" --nologo --verbosity quiet --runtime "$architecture" --output "$2/$service" -p:AheadOfTime=true \
      -p:RunAnalyzers=false
  done
}
publish "$earlier/source" "$earlier/published"
publish . "$earlier/now"
dotnet build bench/bench.csproj --configuration Release --nologo --verbosity quiet --consoleLoggerParameters:ErrorsOnly \
  -p:RunAnalyzers=false
dotnet bench/bin/Release/net10.0/bench.dll versions "$earlier/published" "$earlier/now" "$@"
