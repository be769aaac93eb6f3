#!/usr/bin/env bash
# Runs every test. Arguments go on to the test runner: ./test.sh --filter-class '*LoginTests'
# PostgreSQL comes from a container where an engine answers, otherwise from the server binaries on this machine; where there is
# neither, root gets the distribution's, and anybody else hears what to install. The exit status is the tests'.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if ! dotnet --version 2>/dev/null | grep -q '^10\.'; then
  echo "The .NET SDK 10.0 is missing: https://dotnet.microsoft.com/download/dotnet/10.0 (Ubuntu: apt-get install dotnet-sdk-10.0)" >&2
  exit 1
fi

# Everything, not only what the tests refer to: they start programs. Analyzers judge every other build, and would take half of this one.
# The programs are compiled ahead of time, since the tests start them more than two hundred times.
quietly=(--nologo --verbosity quiet --consoleLoggerParameters:ErrorsOnly -p:UseSharedCompilation=true)
dotnet build AuthMesh.sln --configuration Release "${quietly[@]}" -p:AheadOfTime=true -p:RunAnalyzers=false
dotnet msbuild test-mesh/publish.targets -maxCpuCount "${quietly[@]}"
export AUTHMESH_SERVICES=$PWD/test-mesh/bin/published

if docker version >/dev/null 2>&1; then
  # Testcontainers starts a clean-up container of its own before any other, in an image of the version that it was built for, and
  # fails where that can be neither found nor pulled. The fixtures remove what they start; without the clean-up container, only a
  # test run that is killed leaves a PostgreSQL behind.
  image=$(tr -d '\0' <tests/bin/Release/net10.0/Testcontainers.dll | grep -ao -m 1 'testcontainers/ryuk:[0-9.]*' || true)
  if ! docker image inspect "$image" >/dev/null 2>&1 && ! timeout 60 docker pull --quiet "$image" >/dev/null 2>&1; then
    export TESTCONTAINERS_RYUK_DISABLED=true
  fi
else
  local-mesh/ensure-postgres.sh
fi

# A program that runs for seconds gains nothing from a heap for each processor, nor from compiling a method again after 30 calls; here
# after 8,192 (2000 in hexadecimal).
export DOTNET_gcServer=0 DOTNET_TieredPGO=0 DOTNET_TC_CallCountThreshold=2000

# Each run has an order of its own, so that no test comes to depend on another.
export AUTHMESH_TEST_SEED=${AUTHMESH_TEST_SEED:-$RANDOM}
echo "The tests run in the order of AUTHMESH_TEST_SEED=$AUTHMESH_TEST_SEED"
exec dotnet test --project tests --configuration Release --no-build "$@"
