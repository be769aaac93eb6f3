#!/usr/bin/env bash
# Checks that the code is formatted as .editorconfig says; ./format.sh --fix repairs it. It checks white space and the order of usings.
# The build checks the style rules, and tests/Conventions checks the length of lines.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

case "${1:-}" in
  '') check=(--verify-no-changes) ;;
  --fix) check=() ;;
  *)
    sed -n '2,/^set/s/^# \{0,1\}//p' format.sh
    [ "$1" = --help ]
    exit ;;
esac

# --folder formats the files without loading the solution: seconds instead of a minute.
exec dotnet format whitespace . --folder "${check[@]}"
