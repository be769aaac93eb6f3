#!/usr/bin/env bash
# Makes sure that the tests of OpenID Connect find the clients of others: two packages of npm, Apache with mod_auth_openidc, and authlib for
# Python. npm installs its packages into node_modules beside each package-lock.json, in the versions that it lists: one for a program of the
# tests, one for the sample that they open. As root on Debian or Ubuntu, the script installs the rest, and npm if it needs it. With
# --packages, it looks after the packages of npm alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folders=(tests/OpenId/Clients samples/spa)
wanted=${1:-}

has() { command -v "$1" >/dev/null; }
has_packages() {
  local folder
  for folder in "${folders[@]}"; do cmp --silent "$folder"/package-lock.json "$folder"/node_modules/.installed || return; done
}
has_programs() {
  [ "$wanted" = --packages ] || {
    [ -x /usr/sbin/apache2 ] && [ -f /usr/lib/apache2/modules/mod_auth_openidc.so ] &&
      /usr/bin/python3 -c 'import authlib, requests' 2>/dev/null
  }
}
if has_packages && has_programs; then exit 0; fi

missing=()
if ! has_packages && ! has npm; then missing+=(npm); fi # takes minutes
if ! has_programs; then
  # Not the package apache2, whose server would start, and listen on port 80.
  missing+=(apache2-bin libapache2-mod-auth-openidc python3-authlib python3-requests)
fi

if [ ${#missing[@]} != 0 ] && [ "$(id -u)" = 0 ] && has apt-get; then
  echo "No OpenID Connect clients on this machine: installing the distribution's packages"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
fi

if ! has_packages && has npm; then
  for folder in "${folders[@]}"; do
    npm ci --prefix "$folder" --silent --ignore-scripts
    cp "$folder"/package-lock.json "$folder"/node_modules/.installed
  done
fi

if ! has_packages || ! has_programs; then
  echo "The tests of OpenID Connect need clients. Install npm, and Debian's packages libapache2-mod-auth-openidc, python3-authlib and" >&2
  echo "python3-requests" >&2
  exit 1
fi
