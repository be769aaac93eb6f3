#!/usr/bin/env bash
# Takes the pictures in this folder anew, from the pages of this checkout.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
AUTHMESH_SCREENSHOTS=$PWD/docs/pages exec ./test.sh --filter-class '*.EveryPageTests'
