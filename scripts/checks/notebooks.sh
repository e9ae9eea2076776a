#!/usr/bin/env bash
# Runs every notebook from nothing, with packages of its own below target/, made with pip. The executed copies, and pages for a browser, are in target/notebooks. Skipped, with the reason, where the packages cannot
# be had: without network, say.
#
#     scripts/checks/notebooks.sh [PROGRAMS]    the folder of pfrecord and pfreport, if they are not to be built
#     scripts/checks/notebooks.sh --strip       takes outputs out of the notebooks, as the repository has them
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/lib/needs.sh
. scripts/lib/environment.sh
. scripts/lib/programs.sh
target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
out=$target/notebooks
environment=$out/environment
[ "${1:-}" = --strip ] || use_programs "$@"
need python3 "python3, for notebooks" python3
make_environment "$environment" notebooks/requirements.txt || {
    echo "note: $reason: notebooks are not run" >&2
    exit 0
}
# Nothing of the user's own settings, and nothing written to their home. Names of sockets must be short.
sockets=$(mktemp -d)
trap 'rm -rf "$sockets"' EXIT
export JUPYTER_CONFIG_DIR=$out/jupyter JUPYTER_DATA_DIR=$out/jupyter JUPYTER_RUNTIME_DIR=$sockets \
    IPYTHONDIR=$out/ipython MPLCONFIGDIR=$out/matplotlib JUPYTER_NO_CONFIG=1 PYTHONDONTWRITEBYTECODE=1
notebooks() { "$environment/bin/python" scripts/checks/notebooks.py "$@"; }

if [ "${1:-}" = --strip ]; then
    notebooks strip notebooks/*.ipynb
    exit
fi
notebooks check notebooks/*.ipynb
export PATH=$programs:$PATH PFT_FOLDER=$out/traces
notebooks run "$out" notebooks/*.ipynb
# And of a trace from elsewhere.
PFT_TRACE=$PWD/testdata/v1.0-code.pft notebooks run "$out/given" notebooks/first-look.ipynb
