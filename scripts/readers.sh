#!/usr/bin/env bash
# Other programs read what pfreport exports: Polars, DuckDB and pyarrow, in an environment of their own below
# target/, made with pip. Skipped, with the reason, where that cannot be made: without network, say.
#
#     scripts/readers.sh [PFREPORT]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib/needs.sh
. scripts/lib/environment.sh
target=${CARGO_TARGET_DIR:-target}
program=${1:-$target/debug/pfreport}
environment=$target/readers

make_environment "$environment" testdata/readers.txt || {
    echo "note: $reason: exports are not checked against other readers" >&2
    exit 0
}
"$environment/bin/python" testdata/check_exports.py "$program"

# And of a recording made now, with everything that this kernel tells.
recorder=$(dirname "$program")/pfrecord
if "$recorder" -q -f -g -o "$environment/live.pft" -- ls / >/dev/null; then
    "$environment/bin/python" testdata/check_exports.py "$program" "$environment/live.pft"
fi
