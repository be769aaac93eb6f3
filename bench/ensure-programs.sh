#!/usr/bin/env bash
# Makes sure that programs are installed: bench/ensure-programs.sh PACKAGE:PROGRAM...
# A PROGRAM is a command, or python3:MODULE. As root on Debian or Ubuntu, it installs what is missing. Otherwise it says what to install.
set -euo pipefail

has() { # has PROGRAM
  case "$1" in
    python3:*) /usr/bin/python3 -c "import ${1#*:}" 2>/dev/null ;;
    *) PATH=$PATH:/usr/sbin command -v "$1" >/dev/null ;; # where Debian keeps servers
  esac
}

missing=()
for package in "$@"; do
  has "${package#*:}" || missing+=("${package%%:*}")
done
if [ "${#missing[@]}" = 0 ]; then exit 0; fi

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "Missing: ${missing[*]} (Debian, Ubuntu: apt-get install ${missing[*]})" >&2
  exit 1
fi

echo "Installing ${missing[*]}"
# Only the programs are needed, so the packages must not start servers.
rule=/usr/sbin/policy-rc.d
if [ ! -e "$rule" ]; then
  trap 'rm -f "$rule"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$rule"
  chmod +x "$rule"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=120 "${missing[@]}" >/dev/null # others may be installing, too
