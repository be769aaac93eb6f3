#!/usr/bin/env bash
# Makes sure that the tests of metrics and alerts find Prometheus and promtool. If they are not installed, it unpacks the distribution's
# package into tests/obj/prometheus, without installing it: an installed Prometheus would start, and listen on port 9090.
# AUTHMESH_PROMETHEUS names the folder of both programs at another place.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

has_both() { [ -x "$1/prometheus" ] && [ -x "$1/promtool" ]; }

if has_both "${AUTHMESH_PROMETHEUS:-/usr/bin}" || has_both obj/prometheus/usr/bin; then exit 0; fi

if [ -z "${AUTHMESH_PROMETHEUS:-}" ] && command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null; then
  echo "No Prometheus on this machine: unpacking the distribution's package"
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  if [ "$(id -u)" = 0 ]; then apt-get update -qq; fi
  cd "$folder"
  apt-get download -qq prometheus 2>/dev/null || true
  apt-get download -qq promtool 2>/dev/null || true # a package of its own since Debian 13
  cd - >/dev/null
  for package in "$folder"/*.deb; do
    if [ -f "$package" ]; then
      mkdir -p obj/prometheus
      dpkg-deb --extract "$package" obj/prometheus
    fi
  done
fi

if ! has_both "${AUTHMESH_PROMETHEUS:-obj/prometheus/usr/bin}"; then
  echo "The tests of metrics and alerts need prometheus and promtool, 2.42 or newer. Install Debian's package prometheus, or name the" >&2
  echo "folder of both programs with AUTHMESH_PROMETHEUS" >&2
  exit 1
fi
