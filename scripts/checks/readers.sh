#!/usr/bin/env bash
# Other programs read what pfreport exports: Polars, DuckDB and pyarrow, in an environment of their own below
# target/, made with pip. Skipped, with the reason, where that cannot be made: without network, say.
#
#     scripts/checks/readers.sh [PROGRAMS]    the folder of pfrecord and pfreport, if they are not to be built
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/lib/needs.sh
. scripts/lib/environment.sh
. scripts/lib/programs.sh
target=${CARGO_TARGET_DIR:-target}
environment=$target/readers

make_environment "$environment" scripts/checks/readers.txt || {
    echo "note: $reason: exports are not checked against other readers" >&2
    exit 0
}
use_programs "$@"
"$environment/bin/python" scripts/checks/readers.py "$programs/pfreport"

# And of a recording made now, with everything that this kernel tells.
if "$programs/pfrecord" -q -f -g -o "$environment/live.pft" -- ls / >/dev/null; then
    "$environment/bin/python" scripts/checks/readers.py "$programs/pfreport" "$environment/live.pft"
fi
