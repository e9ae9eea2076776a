#!/usr/bin/env bash
# Coverage-guided fuzzing of every parser of untrusted bytes, one target after the other.
#
#   scripts/checks/fuzz.sh [SECONDS PER TARGET] [TARGET…]    300 seconds, all targets
#   scripts/checks/fuzz.sh keep [TARGET…]                    takes what reached new code into testdata/corpora
#
# SEED=N, RSS_MB=N and TIMEOUT_S=N change the seed (1), the memory (1024) and the time (10) that one input may
# take. What is found on the way stays in target/fuzz/corpora, from which the next run goes on. Exit code 1: a
# target found something. The short run of the same targets is a test: cargo test -p pffuzz.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/lib/needs.sh

need cargo "a Rust toolchain: https://rustup.rs"
need rustup "rustup, for a nightly toolchain: https://rustup.rs"
if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "Installing a nightly toolchain: libFuzzer needs its sanitizers ..." >&2
    rustup toolchain install nightly --profile minimal >&2
fi
if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "Installing cargo-fuzz ..." >&2
    cargo install cargo-fuzz --locked >&2
fi

package=crates/pffuzz/fuzz
work=${CARGO_TARGET_DIR:-target}/fuzz
cargo run --quiet --package pffuzz --bin fuzz-seeds -- "$work/corpora"
# A folder of its own: other flags would build everything else again.
export CARGO_TARGET_DIR=$work/build

mode=run
seconds=300
case "${1:-}" in
keep) mode=keep && shift ;;
[0-9]*) seconds=$1 && shift ;;
esac
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
    mapfile -t targets < <(cargo +nightly fuzz list --fuzz-dir "$package")
fi
for target in "${targets[@]}"; do
    cargo +nightly fuzz build --fuzz-dir "$package" "$target" >&2
done

fuzz() { cargo +nightly fuzz run --fuzz-dir "$package" "$@"; }
stat_of() { sed -n "s/^stat::$1: *//p" "$2" | tail -1; }

findings=0
for target in "${targets[@]}"; do
    corpus=$work/corpora/$target
    found=$work/found/$target
    log=$work/$target.log
    stored=testdata/corpora/$target
    cases=testdata/cases/$target
    mkdir -p "$corpus" "$found" "$stored" "$cases"
    if [ "$mode" = keep ]; then
        # The counts of how often a line is reached would keep ten times as many.
        fuzz "$target" "$stored" "$corpus" -- -merge=1 -use_counters=0 >"$log" 2>&1 || {
            tail -5 "$log" >&2
            exit 1
        }
        rmdir --ignore-fail-on-non-empty "$cases"
        echo "$target: $(find "$stored" -type f | wc -l) inputs, $(du -bs "$stored" | cut -f1) bytes"
        continue
    fi
    code=0
    fuzz "$target" "$corpus" "$stored" "$cases" -- -max_total_time="$seconds" -seed="${SEED:-1}" \
        -rss_limit_mb="${RSS_MB:-1024}" -timeout="${TIMEOUT_S:-10}" -max_len=32768 -print_final_stats=1 \
        -artifact_prefix="$found/" >"$log" 2>&1 || code=$?
    rmdir --ignore-fail-on-non-empty "$cases"
    coverage=$(sed -n 's/^#.* \(cov: [0-9]* ft: [0-9]* corp: [0-9]*\).*/\1/p' "$log" | tail -1)
    echo "$target: $(stat_of number_of_executed_units "$log") executions," \
        "${coverage:-no coverage}, $(stat_of peak_rss_mb "$log") MiB"
    if [ "$code" != 0 ]; then
        findings=$((findings + 1))
        case_file=$(sed -n 's/.*Test unit written to //p' "$log" | tail -1)
        echo "$target: FOUND ${case_file:-nothing that could be kept}, see $log" >&2
        echo "  keep it: mkdir -p $cases; cp ${case_file:-CASE} $cases/what-it-is   (and cargo test -p pffuzz --test replay)" >&2
    fi
done
[ "$findings" = 0 ]
