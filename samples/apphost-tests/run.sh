#!/usr/bin/env bash
# Tests the Aspire sample with images of this checkout: samples/apphost-tests/run.sh [--any-base]
# Aspire's tunnel puts one static program upon an image of Microsoft's. With --any-base another image takes its name during the test, for
# machines that do not reach that registry.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

version=$(sed -n 's|.*<Version>\(.*\)</Version>.*|\1|p' Directory.Build.props)
for image in identity-service gateway; do
  docker build --quiet --target $image --tag "authmesh/$image:$version" . >/dev/null
done

if [ "${1:-}" = --any-base ]; then
  base=mcr.microsoft.com/azurelinux/base/core:3.0
  if ! docker image inspect "$base" >/dev/null 2>&1; then
    docker tag "authmesh/gateway:$version" "$base"
    trap 'docker rmi "$base" >/dev/null' EXIT
  fi
fi

export RunAnalyzers=false
dotnet build samples/apphost-tests --configuration Release --nologo --verbosity quiet --consoleLoggerParameters:ErrorsOnly
dotnet samples/apphost-tests/bin/Release/net10.0/apphost-tests.dll --no-progress
