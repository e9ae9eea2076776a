#!/usr/bin/env bash
# The packages of scripts/package, installed and used: the Debian package in a copy of this system that is thrown
# away, the static pfrecord in a folder with nothing else in it. Programs are those of the dev profile: what is checked is how
# they are packed. Skipped, with the reason, where that is not possible.
#
#     scripts/checks/packages.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/lib/needs.sh
. scripts/lib/programs.sh
target=${CARGO_TARGET_DIR:-target}

skip() {
    echo "note: packages are not checked: $1" >&2
    exit
}

fail() {
    echo "error: packages: $1" >&2
    exit 1
}

scripts/licences --check
command -v dpkg >/dev/null || skip "dpkg is missing"
[ "$(id -u)" = 0 ] || skip "only root can install them"
want man man-db

folder=$(mktemp -d)
trap 'umount -R "$folder" && rmdir "$folder"' EXIT
mount -t tmpfs -o size=1g tmpfs "$folder"
mkdir "$folder/changes" "$folder/work" "$folder/system" "$folder/alone"

# The Debian package.
use_programs
deb=$(scripts/package --fast --programs "$programs" deb)
mount -t overlay overlay -o "lowerdir=/,upperdir=$folder/changes,workdir=$folder/work" "$folder/system" ||
    skip "no overlay file system for a copy of this system"
mount -t proc proc "$folder/system/proc"
mount --rbind /sys "$folder/system/sys"
mount --make-rslave "$folder/system/sys"
cp "$deb" "$folder/system/tmp/pft.deb"

# inside COMMAND…: in the copy.
inside() { chroot "$folder/system" env -i PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"; }

inside dpkg --force-confnew -i /tmp/pft.deb >/dev/null || fail "dpkg -i fails"
commit=$(git rev-parse --short=12 HEAD 2>/dev/null || true)
for program in pfrecord pfreport; do
    said=$(inside /usr/bin/$program --version)
    [ "$said" = "$(inside /usr/bin/pfrecord --version | sed "s/^pfrecord/$program/")" ] || fail "$said: not the version of pfrecord"
    case "$said" in "$program "*"${commit:+($commit)}") ;; *) fail "$said: not of commit $commit" ;; esac
    inside man -w $program >/dev/null || fail "no manual page of $program"
    [ "$(inside man $program | sed -n 's/^NAME$/found/p')" = found ] || fail "the manual page of $program cannot be read"
    # What a login shell loads by name when Tab is pressed.
    inside bash -c ". /usr/share/bash-completion/completions/$program && complete -p $program" >/dev/null ||
        fail "bash completes nothing for $program"
    for file in zsh/vendor-completions/_$program fish/vendor_completions.d/$program.fish; do
        [ -s "$folder/system/usr/share/$file" ] || fail "no $file"
    done
done
for file in README.Debian copyright changelog.gz THIRD-PARTY.md.gz NOTICE SECURITY.md; do
    [ -s "$folder/system/usr/share/doc/pft/$file" ] || fail "no $file"
done
inside sh -c 'cd /tmp && pfrecord -q -o run.pft -- true && pfreport run.pft' | tail -n 1 | grep -q '^Summary: major=[0-9]* minor=[1-9]' ||
    fail "the installed programs do not record and report"
if [ -n "$commit" ]; then
    inside pfreport info /tmp/run.pft | grep -qE "^ *pft\.commit +$commit$" || fail "the trace does not tell the commit $commit"
fi
inside dpkg -P pft >/dev/null
left=$(inside find /usr -path '*pfrecord*' -o -path '*pfreport*' -o -path '/usr/share/doc/pft*')
[ -z "$left" ] || fail "left behind: $left"

# The static program, where there is nothing else: not even a shell.
machine=$(uname -m)
if ! command -v musl-gcc >/dev/null && ! install_package musl-tools; then
    echo "note: the static pfrecord is not checked: musl-gcc is missing (Debian has it in musl-tools)" >&2
    exit
fi
if ! { command -v rustup >/dev/null && rustup --quiet target add "$machine-unknown-linux-musl"; }; then
    echo "note: the static pfrecord is not checked: no Rust target $machine-unknown-linux-musl" >&2
    exit
fi
cargo build --quiet -p pfrecord --target "$machine-unknown-linux-musl"
archive=$(scripts/package --programs "$target/$machine-unknown-linux-musl/debug" static)
tar -C "$folder/alone" -xzf "$archive" --strip-components 1
for file in LICENSE-MIT LICENSE-APACHE NOTICE THIRD-PARTY.md pfrecord.1; do
    [ -s "$folder/alone/$file" ] || fail "no $file in $archive"
done
mkdir "$folder/alone/proc" "$folder/alone/sys"
mount -t proc proc "$folder/alone/proc"
mount --rbind /sys "$folder/alone/sys"
mount --make-rslave "$folder/alone/sys"
# Its own recorder is the one program that it can record there.
chroot "$folder/alone" /pfrecord -q -o /run.pft -- /pfrecord --version >/dev/null || fail "the static pfrecord does not run alone"
"$programs/pfreport" "$folder/alone/run.pft" | tail -n 1 | grep -q '^Summary: major=[0-9]* minor=[1-9]' ||
    fail "the static pfrecord records nothing"
