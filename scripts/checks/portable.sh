#!/usr/bin/env bash
# Checks that reading, analysing, importing and redacting traces, and reports, need neither Linux nor this processor. What is
# missing is installed where that is possible without asking, or named.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/lib/needs.sh
. scripts/lib/targets.sh

usage() {
    cat <<'HELP'
Usage: scripts/checks/portable.sh [--all] [--report] [--tests]

Checks the libraries (pft, pfmodel, pfredact, pfimport, pfpairing, pfcli) for 32-bit Linux and for Windows.

  --all      for macOS, arm64, s390x (big-endian) and musl as well
  --report   pfreport as well, for Windows (with --all also for arm64 and macOS): Polars takes some minutes for each
  --tests    run the libraries' tests as 32-bit programs, and under qemu-user on arm64 and s390x; their C compilers and
             qemu-user are installed where that is possible
HELP
}

all="" report="" tests=""
for argument; do
    case "$argument" in
    --all) all=yes ;;
    --report) report=yes ;;
    --tests) tests=yes ;;
    -h | --help) usage && exit ;;
    *) echo "error: unknown argument $argument" >&2 && usage >&2 && exit 2 ;;
    esac
done

need cargo "a Rust toolchain: https://rustup.rs or your distribution's rustc and cargo"

# What runs needs its C code.
installs=$tests
libraries=(-p pft -p pfmodel -p pfredact -p pfimport -p pfpairing -p pfcli)
targets=(i686-unknown-linux-gnu x86_64-pc-windows-gnu)
large=(x86_64-pc-windows-gnu)
if [ -n "$all" ]; then
    targets+=(aarch64-apple-darwin aarch64-unknown-linux-gnu s390x-unknown-linux-gnu x86_64-unknown-linux-musl)
    large+=(aarch64-unknown-linux-gnu aarch64-apple-darwin)
fi

for target in "${targets[@]}"; do
    if use_target "$target"; then
        echo "checking the libraries for $target$c_note" >&2
        cargo check --quiet --target "$target" "${libraries[@]}"
    else
        echo "skipped: $target: $reason" >&2
    fi
done

if [ -z "$report" ]; then large=(); fi
for target in "${large[@]}"; do
    if use_target "$target"; then
        echo "checking pfreport for $target$c_note (some minutes)" >&2
        cargo check --quiet --target "$target" -p pfreport
    else
        echo "skipped: pfreport for $target: $reason" >&2
    fi
done

run=(i686-unknown-linux-gnu aarch64-unknown-linux-gnu s390x-unknown-linux-gnu)
if [ -z "$tests" ]; then run=(); fi
for target in "${run[@]}"; do
    if use_target "$target" && can_run "$target"; then
        echo "testing the libraries on $target" >&2
        cargo test --quiet --tests --target "$target" "${libraries[@]}" -- "${skipped[@]}"
    else
        echo "skipped: tests on $target: $reason" >&2
    fi
done
