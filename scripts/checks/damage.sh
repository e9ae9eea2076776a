#!/usr/bin/env bash
# The long form of the tests of damaged and hostile traces: each cut and each flipped bit of the small traces through
# loading and reporting, tens of thousands of a large one, and hostile files of fifty thousand rows. Prints what
# was tried and the most memory that it took. Takes half an hour to an hour.
#
#   scripts/checks/damage.sh [TRACE]    TRACE is the large one, recorded by pfrecord without losses; else one is made
set -euo pipefail
[ $# = 0 ] || PFT_DAMAGE_TRACE=$(realpath "$1")
cd "$(dirname "$0")/../.."
export PFT_DAMAGE=long ${PFT_DAMAGE_TRACE+PFT_DAMAGE_TRACE}
for test in damage hostile; do
    cargo test --quiet -p pfreport --test "$test" -- --nocapture
done
