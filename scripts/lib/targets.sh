# Other machines to build for: their standard library, a C compiler for zstd, and what runs their programs.

# use_target TARGET: makes ready what building for it needs; a C compiler is installed only if `installs` is set, since
# some are large. `c_note` says if its C code is left out. Where it cannot
# be, `reason` says why, and it returns 1.
use_target() {
    local target=$1 name=${1//-/_} compiler package
    c_note=""
    if [ ! -d "$(rustc --print target-libdir --target "$target" 2>/dev/null)" ] &&
        ! { command -v rustup >/dev/null && rustup --quiet target add "$target" >&2; }; then
        reason="its standard library is missing (rustup target add $target)"
        return 1
    fi
    case "$target" in
    x86_64-pc-windows-gnu) compiler=x86_64-w64-mingw32-gcc package=gcc-mingw-w64-x86-64 ;;
    x86_64-unknown-linux-musl) compiler=musl-gcc package=musl-tools ;;
    *-unknown-linux-gnu) compiler=${target%%-*}-linux-gnu-gcc package=gcc-${target%%-*}-linux-gnu ;;
    *) compiler="" package="" ;;
    esac
    if [ "$target" = "$(rustc -vV | sed -n 's/^host: //p')" ]; then
        return
    elif [ -n "$compiler" ] && { command -v "$compiler" >/dev/null || { [ -n "$installs" ] && install_package "$package"; }; }; then
        export "CC_$name=$compiler" "CARGO_TARGET_${name^^}_LINKER=$compiler"
    else
        # A check never links: objects that are not made are not missed.
        c_note=" (its C code is not compiled)"
        export "CC_$name=true" "AR_$name=true"
    fi
}

# can_run TARGET: whether its programs run here, by themselves or under qemu-user, and which tests are then left out
# (`skipped`): those of hostile input bound its time, which an emulator multiplies. Returns 1 with a `reason` likewise.
can_run() {
    local name=${1//-/_} machine=${1%%-*} runner
    skipped=(--skip hostile)
    if [ -n "$c_note" ]; then
        reason="there is no C compiler for it"
        return 1
    fi
    case "$(uname -m) $machine" in
    "x86_64 i686")
        # Static: the libraries of such programs are mostly not installed.
        export "CARGO_TARGET_${name^^}_RUSTFLAGS=-C target-feature=+crt-static"
        skipped=()
        return
        ;;
    esac
    runner=qemu-$machine
    if ! { command -v "$runner" >/dev/null || install_package qemu-user; }; then
        reason="$runner is missing (Debian has it in qemu-user)"
        return 1
    fi
    export "CARGO_TARGET_${name^^}_RUNNER=$runner -L /usr/$machine-linux-gnu"
}
