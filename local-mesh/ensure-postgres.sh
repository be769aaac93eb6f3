#!/usr/bin/env bash
# Makes sure that the local mesh and the tests find a PostgreSQL to start. Without one, it installs Debian's or Ubuntu's when run as
# root, and otherwise says what to install. For scripts, after local-mesh has been built.
set -euo pipefail

mesh="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/bin/Release/net10.0/local-mesh.dll"
if dotnet "$mesh" --check >/dev/null 2>&1; then exit 0; fi

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "No PostgreSQL on this machine: installing the distribution's"
  # Only the binaries are wanted. The package would otherwise make a cluster of its own and run it on port 5432.
  unwanted=/etc/postgresql-common/createcluster.d/authmesh.conf
  mkdir -p "$(dirname "$unwanted")"
  echo 'create_main_cluster = false' >"$unwanted"
  trap 'rm -f "$unwanted"' EXIT
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -qq -y --no-install-recommends postgresql >/dev/null
fi

dotnet "$mesh" --check
