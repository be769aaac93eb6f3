#!/usr/bin/env bash
# Makes sure that the tests of the pages find a Chromium. If none is installed, it installs Debian's package when run as root, and otherwise
# says what to install. AUTHMESH_CHROMIUM names a Chromium or Chrome at another place.
set -euo pipefail

# The headless shell draws no window of its own, which would cost processor time.
chromium=${AUTHMESH_CHROMIUM:-/usr/bin/chromium-headless-shell}
if [ -x "$chromium" ]; then exit 0; fi

if [ -z "${AUTHMESH_CHROMIUM:-}" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "No Chromium on this machine: installing the distribution's package"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -qq -y --no-install-recommends chromium-headless-shell >/dev/null
fi

if [ ! -x "$chromium" ]; then
  echo "The tests of the pages need Chromium at $chromium. Install chromium-headless-shell, or name another with" >&2
  echo "AUTHMESH_CHROMIUM" >&2
  exit 1
fi
