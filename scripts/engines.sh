#!/usr/bin/env bash
# DuckDB, Polars and Spark ask a dataset of traces that are recorded now, and have to answer alike and as is known. The
# packages are in an environment below target/, made with pip. Skipped, with the reason, where that cannot be made, or
# nothing can be recorded; Spark is left out where there is no Java.
#
#     scripts/engines.sh [PFREPORT]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib/needs.sh
. scripts/lib/environment.sh
target=${CARGO_TARGET_DIR:-target}
program=${1:-$target/debug/pfreport}
environment=$target/engines/environment

skip() {
    echo "note: $1: datasets are not checked with other engines" >&2
    exit 0
}

# Spark 4 runs on Java 17 and newer.
java_version() { java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p'; }

# By itself in a fresh clone it builds what it runs.
[ -n "${1:-}" ] || [ -x "$program" ] || cargo build --workspace --bins --quiet
mkdir -p "$target/engines"
"$(dirname "$program")/pfrecord" -q -f -o "$target/engines/probe.pft" -- true || skip "page faults cannot be recorded here"
make_environment "$environment" testdata/engines.txt || skip "$reason"
engines=(duckdb polars)
command -v java >/dev/null || install_package default-jre-headless || true
if [ "$(java_version)" -ge 17 ] 2>/dev/null; then
    engines+=(spark)
else
    echo "note: no Java of version 17 or newer (Debian has it in default-jre-headless): Spark is not asked" >&2
fi
"$environment/bin/python" testdata/check_engines.py "$program" "$target/engines/fleet" "${engines[@]}"
