#!/usr/bin/env bash
# Makes everything that is published, under one version, in artifacts/: ./pack.sh [--packages] [--no-build] [VERSION]
#
#   packages/  the NuGet packages, with their symbols
#   programs/  the client as a native program of this machine's kind, if a C compiler is here
#   images/    the images of the mesh, if a container engine answers
#   sbom/      what packages and images contain, in CycloneDX
#
# The packages need nothing but the .NET SDK, and --packages makes these alone. --no-build takes the last Release build, whose programs
# tell the version of that build. Without VERSION, the version is that of Directory.Build.props.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

only_packages= no_build=
if [ "${1:-}" = --packages ]; then only_packages=yes; shift; fi
if [ "${1:-}" = --no-build ]; then no_build=yes; shift; fi
version=${1:-$(sed -n 's|.*<Version>\(.*\)</Version>.*|\1|p' Directory.Build.props)}
if [[ ! $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]]; then
  echo "$version is no version such as 1.2.3 or 1.2.3-rc.1" >&2
  exit 2
fi

rm -rf artifacts
mkdir -p artifacts/packages
# The paths of this machine stand in no program or symbol, so that another machine makes the same.
options=(--configuration Release --nologo --verbosity quiet -p:Version="$version" -p:ContinuousIntegrationBuild=true)

# --- packages

services=(identity-service resource-service gateway)
if [ -z "$no_build" ]; then
  for project in "${services[@]}" testing hosting templates client local-mesh; do dotnet build $project "${options[@]}"; done
fi
for project in service-defaults testing hosting templates; do
  dotnet pack $project --no-build "${options[@]}" --output artifacts/packages
done
for service in "${services[@]}"; do # for every platform: a tool has one package
  dotnet publish $service --no-build "${options[@]}" -p:UseAppHost=false --output artifacts/services/$service
done
for tool in client local-mesh; do
  dotnet pack $tool --no-build "${options[@]}" -p:AsTool=true -p:Services="$PWD/artifacts/services/" --output artifacts/packages
done
rm -rf artifacts/services

if [ -n "$only_packages" ]; then
  (cd artifacts && sha256sum packages/*)
  exit
fi

# --- programs

if command -v gcc >/dev/null || command -v clang >/dev/null; then
  architecture=$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
  compiler=$(command -v clang >/dev/null && echo clang || echo gcc)
  # Its compiler is a package of the SDK's own version, which the lock file does not list.
  dotnet publish client "${options[@]}" --runtime "linux-$architecture" -p:PublishAot=true -p:CppCompilerAndLinker="$compiler" \
    -p:RestoreLockedMode=false -p:NuGetLockFilePath=obj/native.lock.json --output artifacts/programs/client
  tar --create --gzip --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --directory=artifacts/programs/client \
    --file="artifacts/programs/authmesh-$version-linux-$architecture.tar.gz" authmesh
  rm -rf artifacts/programs/client
else
  echo "No native client: neither gcc nor clang is here" >&2
fi

# --- images

if docker version >/dev/null 2>&1; then
  mkdir -p artifacts/images
  for image in identity-service resource-service gateway client; do
    docker build --quiet --target $image --tag "authmesh/$image:$version" --label "org.opencontainers.image.version=$version" . >/dev/null
    docker save "authmesh/$image:$version" | gzip --no-name >"artifacts/images/$image-$version.tar.gz"
  done
else
  echo "No images: no container engine answers" >&2
fi

# --- what they contain

dotnet tool install CycloneDX --version 6.3.1 --tool-path artifacts/tools >/dev/null
for project in service-defaults testing hosting client local-mesh identity-service resource-service gateway; do
  artifacts/tools/dotnet-CycloneDX $project/$project.csproj --disable-package-restore --exclude-dev --no-serial-number \
    --output-format Json --output artifacts/sbom --filename "$project-$version.cdx.json" --set-version "$version" >/dev/null
done
rm -rf artifacts/tools

(cd artifacts && find . -type f | sort | xargs sha256sum | sed 's|\./||')
