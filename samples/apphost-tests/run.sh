#!/usr/bin/env bash
# Tests the Aspire sample with images of this checkout: samples/apphost-tests/run.sh [IMAGE_PREFIX]
# The images are PREFIX-identity-service and PREFIX-gateway, as docker compose names them. Unless they are given, they are built.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

version=$(sed -n 's|.*<Version>\(.*\)</Version>.*|\1|p' Directory.Build.props)
for image in identity-service gateway; do
  if [ -n "${1:-}" ]; then
    docker tag "$1-$image" "authmesh/$image:$version"
  else
    docker build --quiet --target $image --tag "authmesh/$image:$version" . >/dev/null
  fi
done

# Aspire's tunnel puts one static program upon this image. Any other serves where its registry cannot be reached.
base=mcr.microsoft.com/azurelinux/base/core:3.0
if ! docker image inspect "$base" >/dev/null 2>&1 && ! timeout 60 docker pull --quiet "$base" >/dev/null 2>&1; then
  docker tag "authmesh/gateway:$version" "$base"
fi

export RunAnalyzers=false
dotnet build samples/apphost-tests --configuration Release --nologo --verbosity quiet --consoleLoggerParameters:ErrorsOnly
exec dotnet samples/apphost-tests/bin/Release/net10.0/apphost-tests.dll --no-progress --output Normal
