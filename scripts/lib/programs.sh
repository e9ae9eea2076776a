# The programs that checks run.

# use_programs [FOLDER]: sets `programs` to the folder they are in. Where none is named they are built, in the dev profile and
# together with the tests: tests add features to dependencies, and Polars would be built once more without.
use_programs() {
    if [ -n "${1:-}" ]; then
        programs=$(realpath "$1")
    else
        cargo build --workspace --all-targets --quiet
        programs=$(realpath "${CARGO_TARGET_DIR:-target}")/debug
    fi
    if [ ! -x "$programs/pfrecord" ] || [ ! -x "$programs/pfreport" ]; then
        echo "error: $programs has no pfrecord and pfreport" >&2
        exit 1
    fi
}
