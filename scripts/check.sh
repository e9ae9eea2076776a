#!/usr/bin/env bash
# Every check, cheapest first; what CI runs. Tests that need root, swap or tracepoints say so and are
# skipped where these are missing.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib/needs.sh

need cargo "a Rust toolchain: https://rustup.rs or your distribution's rustc and cargo"
need cc "a C compiler: gcc" gcc
need objcopy "binutils, to make programs with known symbols" binutils
need python3 "python3, for the reader written from the format's text" python3
need zstd "zstd, for that reader" zstd
want stress-ng stress-ng
want chromedriver chromium-driver
want setcap libcap2-bin
if [ -d /run/systemd/system ]; then want redis-server; else want redis-server redis-server; fi
# Root needs tracefs for the page-fault tracepoints.
if [ "$(id -u)" = 0 ] && [ ! -e /sys/kernel/tracing/events ]; then
    mount -t tracefs tracefs /sys/kernel/tracing || echo "note: no tracefs, tests will see less" >&2
fi

step() { echo "== $* (after $((SECONDS / 60)) min)" >&2; }

step format
cargo fmt --all --check
cargo fmt --manifest-path crates/pffuzz/fuzz/Cargo.toml --check
step lints
cargo clippy --workspace --all-targets --quiet -- -D warnings
step documentation
RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet
step "other machines: 32 bits, and not Linux"
scripts/checks/portable.sh
step build
# With the tests: their dependencies add features, and Polars would be built once more for those.
cargo build --workspace --all-targets --quiet
step "format specification against the golden traces"
python3 testdata/check_golden.py
step "examples in the documents"
scripts/checks/guide.sh
step "packages, installed and used"
scripts/checks/packages.sh
step "exports read by other programs"
scripts/checks/readers.sh
step "datasets asked by DuckDB, Polars and Spark"
scripts/checks/engines.sh
step "notebooks, from nothing"
scripts/checks/notebooks.sh
step tests
cargo test --workspace --quiet
