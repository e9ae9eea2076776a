#!/usr/bin/env bash
# The examples in the documents, run: what they print is what the pages say (scripts/checks/guide.py).
#
#     scripts/checks/guide.sh [PAGE…]            # compares; all pages, if none is named
#     scripts/checks/guide.sh --bless [PAGE…]    # writes what was printed into the pages
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/lib/needs.sh
. scripts/lib/programs.sh
need python3 "python3"
use_programs
options=()
if [ "${1:-}" = --bless ]; then
    options=(--bless)
    shift
fi
[ $# -gt 0 ] || set -- ./*.md docs/*.md docs/guide/*.md schemas/*.md notebooks/*.md testdata/*.md crates/*/*.md
python3 scripts/checks/guide.py --programs "$programs" "${options[@]}" "$@"
