#!/usr/bin/env bash
# The long form of the tests of damaged and hostile traces: each cut and each flipped bit of the small traces through
# loading and reporting, tens of thousands of a large one, and hostile files of a hundred thousand rows. Prints what
# was tried and the most memory that it took. Takes about an hour.
set -euo pipefail
cd "$(dirname "$0")/.."
export PFT_DAMAGE=long
for test in damage hostile; do
    cargo test --quiet -p pfreport --test "$test" -- --nocapture
done
