#!/usr/bin/env bash
# The examples in the documents, run: what they print is what the pages say (scripts/lib/guide.py).
#
#     scripts/guide.sh [PAGE…]            # compares; all pages, if none is named
#     scripts/guide.sh --bless [PAGE…]    # writes what was printed into the pages
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib/needs.sh
need python3 "python3"
target=${CARGO_TARGET_DIR:-target}
cargo build --quiet -p pfrecord -p pfreport -p pftestkit
options=()
if [ "${1:-}" = --bless ]; then
    options=(--bless)
    shift
fi
[ $# -gt 0 ] || set -- ./*.md docs/*.md docs/guide/*.md schemas/*.md notebooks/*.md testdata/*.md crates/*/*.md
python3 scripts/lib/guide.py --programs "$target/debug" "${options[@]}" "$@"
