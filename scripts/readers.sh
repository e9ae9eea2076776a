#!/usr/bin/env bash
# Other programs read what pfreport exports: Polars, DuckDB and pyarrow, in an environment of their own below
# target/, made with pip. Skipped, with the reason, where that cannot be made: without network, say.
#
#     scripts/readers.sh [PFREPORT]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib/needs.sh
target=${CARGO_TARGET_DIR:-target}
program=${1:-$target/debug/pfreport}
environment=$target/readers
wanted=testdata/readers.txt

skip() {
    echo "note: $1: exports are not checked against other readers" >&2
    exit 0
}

# The list that an environment was made from lies in it, once it is whole.
if ! cmp -s "$wanted" "$environment/readers.txt"; then
    rm -rf "$environment"
    python3 -m venv "$environment" >/dev/null 2>&1 ||
        { install_package python3-venv && python3 -m venv --clear "$environment" >/dev/null; } ||
        skip "python3 cannot make a virtual environment (Debian has it in python3-venv)"
    "$environment/bin/pip" install --quiet --disable-pip-version-check -r "$wanted" ||
        skip "pip could not install $(paste -sd' ' "$wanted")"
    cp "$wanted" "$environment/readers.txt"
fi
"$environment/bin/python" testdata/check_exports.py "$program"

# And of a recording made now, with everything that this kernel tells.
recorder=$(dirname "$program")/pfrecord
if "$recorder" -q -f -g -o "$environment/live.pft" -- ls / >/dev/null; then
    "$environment/bin/python" testdata/check_exports.py "$program" "$environment/live.pft"
fi
