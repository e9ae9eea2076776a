# need PROGRAM EXPLANATION [DEBIAN-PACKAGE]: installs a missing program where that is possible
# without asking (root on Debian), explains it otherwise.
need() {
    command -v "$1" >/dev/null && return
    if [ -n "${3:-}" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing $3 ..." >&2
        apt-get update -qq >/dev/null && apt-get install -y -qq "$3" >/dev/null && return
    fi
    echo "error: $1 is missing: install $2" >&2
    exit 1
}
