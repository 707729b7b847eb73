#!/bin/sh
# Creates the virtual environment and puts the pinned uv into it.
# Usage: create.sh PYTHON VENV USABLE   (USABLE: "yes" keeps an environment that already works)
set -eu
python=$1 venv=$2 usable=$3

stop() {
    printf '%s\n' "$@" >&2
    exit 1
}

command -v "$python" >/dev/null 2>&1 || stop \
    "PYTHON: no program called '$python' was found." \
    "Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3.11 ..."
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || stop \
    "PYTHON: expected Python 3.11 or newer, '$python' is $("$python" --version 2>&1)." \
    "Install a newer one and name it: make PYTHON=python3.12 ..."

if [ "$usable" != yes ]; then
    "$python" -c 'import venv, ensurepip' 2>/dev/null || stop \
        "PYTHON: '$python' comes without the venv module." \
        "On Debian and Ubuntu: apt-get install python3-venv, then run make again."
    echo "Creating $venv ..." >&2
    "$python" -m venv --clear "$venv" || stop \
        "VENV: could not create $venv; see the message above." \
        "Check that the folder is writable and that the disk has 1 GB free."
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --require-hashes -r requirements/uv.txt
