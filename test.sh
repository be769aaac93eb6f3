#!/usr/bin/env bash
# Runs every test. Arguments are passed to the test runner: ./test.sh --filter-class '*LoginTests'
# PostgreSQL runs in a container if an engine answers, otherwise from this machine's server binaries. A Chromium opens the pages, Helm
# renders the chart, a Prometheus reads the metrics, and OpenID Connect clients sign in. As root on Debian, the script installs what is
# missing, or unpacks it below tests/. Otherwise it says what to install. The exit status is that of the tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if ! dotnet --version 2>/dev/null | grep -q '^10\.'; then
  echo "The .NET SDK 10.0 is missing: https://dotnet.microsoft.com/download/dotnet/10.0 (Ubuntu: apt-get install dotnet-sdk-10.0)" >&2
  exit 1
fi

no_build=
if [ "${1:-}" = --no-build ]; then no_build=yes; shift; fi # takes the last Release build, and compiles nothing ahead of time

# A run of chosen tests needs no browser unless tests of the pages are among them, and none of the rest without its tests.
prepare() {
  case "$*" in *Pages* | *OpenId*) tests/ensure-chromium.sh ;; *--filter*) ;; *) tests/ensure-chromium.sh ;; esac
  case "$*" in *Kubernetes*) tests/ensure-helm.sh ;; *--filter*) ;; *) tests/ensure-helm.sh ;; esac
  case "$*" in *Observability*) tests/ensure-prometheus.sh ;; *--filter*) ;; *) tests/ensure-prometheus.sh ;; esac
  case "$*" in *OpenId*) tests/ensure-clients.sh ;; *--filter*) ;; *) tests/ensure-clients.sh ;; esac
}
prepare "$@" & # mostly downloads, while the build computes
preparing=$!
trap wait EXIT # a package manager that is stopped in the middle leaves a mess

# Builds everything, not only what the tests reference, because they start programs. Analyzers run in other builds, or with
# RunAnalyzers=true, and would take half of this one. The programs are compiled ahead of time: the tests start them hundreds of times.
export RunAnalyzers=${RunAnalyzers:-false}
quietly=(--nologo --verbosity quiet --consoleLoggerParameters:ErrorsOnly -p:UseSharedCompilation=true)
if [ -z "$no_build" ]; then
  dotnet build AuthMesh.sln --configuration Release "${quietly[@]}" -p:AheadOfTime=true
  dotnet msbuild packaging/programs.targets -maxCpuCount "${quietly[@]}"
  export AUTHMESH_SERVICES=$PWD/test-mesh/bin/published
fi

wait "$preparing"
if docker version >/dev/null 2>&1; then
  # Testcontainers starts its own clean-up container before any other, from an image of a fixed version, and fails if it can neither
  # find nor pull that image. The fixtures remove what they start; without the clean-up container, only a killed test run leaves a
  # PostgreSQL behind.
  image=$(tr -d '\0' <tests/bin/Release/net10.0/Testcontainers.dll | grep -ao -m 1 'testcontainers/ryuk:[0-9.]*' || true)
  if ! docker image inspect "$image" >/dev/null 2>&1 && ! timeout 60 docker pull --quiet "$image" >/dev/null 2>&1; then
    export TESTCONTAINERS_RYUK_DISABLED=true
  fi
else
  local-mesh/ensure-postgres.sh
fi

# Programs that run for seconds gain nothing from a heap for each processor, from memory that is never writable and executable at once,
# from collecting garbage every 2 MB, or from recompiling a method after 30 calls. In hexadecimal: 32 MB, and 8,192 calls. A thread that
# spins while it waits for work takes the processor from another program.
export DOTNET_gcServer=0 DOTNET_EnableWriteXorExecute=0 DOTNET_GCgen0size=2000000
export DOTNET_TieredPGO=0 DOTNET_TC_CallCountThreshold=2000 DOTNET_ThreadPool_UnfairSemaphoreSpinLimit=0

unset RunAnalyzers # also for the projects that tests build

# Such a run also fails if no test saw something that the OpenAPI documents name.
case "$*" in *--filter*) ;; *) export AUTHMESH_WHOLE_SUITE=true ;; esac

# Each run uses another order, so that no test depends on another.
export AUTHMESH_TEST_SEED=${AUTHMESH_TEST_SEED:-$RANDOM}
echo "The tests run in the order of AUTHMESH_TEST_SEED=$AUTHMESH_TEST_SEED"
if [ ! -t 1 ]; then set -- --no-progress "$@"; fi
exec dotnet tests/bin/Release/net10.0/tests.dll "$@"
