#!/usr/bin/env bash
# The recorder under fire, for long: the cases of crates/pftestkit/tests/end_to_end/fire, each many times.
# Prints what each came to, the sums, and a verdict. Needs root for most of them.
#
#     scripts/checks/under-fire.sh [ROUNDS]
#
# ROUNDS (1000) is how often the recorder is killed; it is 100 in the checks, and the other cases run more
# often in proportion.
# The machine's clock is set by 5 s, for an instant each way; PFT_FIRE_CLOCK=-3600,3600 sets it by an hour, on a
# machine of your own, and PFT_FIRE_CLOCK= leaves it alone.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-1000}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

verdict=survived
# With a test: its dependencies add features, and Polars would be built once more without.
cargo build --workspace --bins --test end_to_end --quiet
PFT_FIRE_ROUNDS=$rounds cargo test --workspace --test end_to_end --quiet -- \
    fire:: --nocapture --test-threads 1 2>&1 | tee "$log" || verdict=FAILED

grep -o 'skipped: .*' "$log" | sort -u || true
# Lines of the form "fire: CASE: rounds N, captured N, lost N, counted N".
sed -n 's/.*fire: \(.*\): rounds \([0-9]*\), captured \([0-9]*\), lost \([0-9]*\), counted \([0-9]*\)$/\2 \3 \4 \5 \1/p' "$log" |
    awk '{
        rounds += $1; captured += $2; lost += $3; counted += $4
        if ($2 + $3 != $4) wrong++
        if ($0 ~ /SIGKILL/) kills += $1
    }
    END {
        printf "== %d rounds, %d kills survived; %d faults captured + %d lost = %d counted\n", rounds, kills, captured, lost, counted
        exit wrong > 0
    }' || verdict=FAILED
echo "== verdict: $verdict"
[ "$verdict" = survived ]
