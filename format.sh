#!/usr/bin/env bash
# Checks that the code is formatted as .editorconfig says; ./format.sh --fix mends it. It looks at white space and the order of usings.
# The build checks the rules of style, and tests/Conventions the length of lines.
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

# The files as they lie there: without the solution, which takes a minute to load, this takes seconds.
exec dotnet format whitespace . --folder "${check[@]}"
