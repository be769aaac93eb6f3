#!/usr/bin/env bash
# Makes sure that the local mesh and the tests find a PostgreSQL to start. If none is installed, it installs Debian's or Ubuntu's package
# when run as root, and otherwise says what to install. Scripts call it after building local-mesh. With --early, which needs no build, it
# only installs the package, and only where neither a PostgreSQL nor a container engine is in sight.
set -euo pipefail

mesh="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/bin/Release/net10.0/local-mesh.dll"
if [ "${1:-}" = --early ]; then
  if command -v postgres || compgen -G '/usr/lib/postgresql/*/bin/postgres' || docker version; then exit 0; fi >/dev/null 2>&1
elif dotnet "$mesh" --check >/dev/null 2>&1; then
  exit 0
fi

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "No PostgreSQL on this machine: installing the distribution's package"
  # The mesh needs only the binaries. By default, the package would create its own cluster and run it on port 5432.
  unwanted=/etc/postgresql-common/createcluster.d/authmesh.conf
  mkdir -p "$(dirname "$unwanted")"
  echo 'create_main_cluster = false' >"$unwanted"
  trap 'rm -f "$unwanted"' EXIT
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # The package complains that its own tools are not there yet. What is said matters only if the installation fails.
  said=$(apt-get install -qq -y --no-install-recommends postgresql 2>&1) || { echo "$said" >&2; exit 1; }
fi

if [ "${1:-}" != --early ]; then dotnet "$mesh" --check; fi
