#!/usr/bin/env bash
# DuckDB, Polars and Spark ask a dataset of traces that are recorded now, and have to answer alike and as is known. The
# packages are in an environment below target/, made with pip. Skipped, with the reason, where that cannot be made, or
# nothing can be recorded; Spark is left out where there is no Java.
#
#     scripts/checks/engines.sh [PROGRAMS]    the folder of pfrecord and pfreport, if they are not to be built
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/lib/needs.sh
. scripts/lib/environment.sh
. scripts/lib/programs.sh
target=${CARGO_TARGET_DIR:-target}
environment=$target/engines/environment

skip() {
    echo "note: $1: datasets are not checked with other engines" >&2
    exit 0
}

# Spark 4 runs on Java 17 and newer.
java_version() { java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p'; }

use_programs "$@"
mkdir -p "$target/engines"
"$programs/pfrecord" -q -f -o "$target/engines/probe.pft" -- true || skip "page faults cannot be recorded here"
make_environment "$environment" scripts/checks/engines.txt || skip "$reason"
engines=(duckdb polars)
command -v java >/dev/null || install_package default-jre-headless || true
if [ "$(java_version)" -ge 17 ] 2>/dev/null; then
    engines+=(spark)
else
    echo "note: no Java of version 17 or newer (Debian has it in default-jre-headless): Spark is not asked" >&2
fi
"$environment/bin/python" scripts/checks/engines.py "$programs/pfreport" "$target/engines/fleet" "${engines[@]}"
