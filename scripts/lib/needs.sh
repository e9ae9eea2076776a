# Missing programs are installed where that is possible without asking (root on Debian).

# install_package DEBIAN-PACKAGE
install_package() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return
    echo "Installing $1 ..." >&2
    apt-get update -qq >/dev/null &&
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$1" >/dev/null
}

# need PROGRAM EXPLANATION [DEBIAN-PACKAGE]: nothing works without it.
need() {
    command -v "$1" >/dev/null && return
    [ -n "${3:-}" ] && install_package "$3" && return
    echo "error: $1 is missing: install $2" >&2
    exit 1
}

# want PROGRAM [DEBIAN-PACKAGE]: tests that record or run this program are skipped without it. No package is
# named where installing it would start a service.
want() {
    command -v "$1" >/dev/null && return
    [ -n "${2:-}" ] && install_package "$2" && return
    echo "note: $1 is missing: tests with it will be skipped" >&2
}

# need_cargo_tool NAME [OPTIONS…]: a subcommand of cargo, built from its package where it is missing.
need_cargo_tool() {
    command -v "$1" >/dev/null && return
    echo "Building $1 ..." >&2
    cargo install --quiet --locked "$@" || {
        echo "error: $1 is missing, and cargo install $1 fails" >&2
        exit 1
    }
    PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
}
