#!/bin/sh
# Runs `uv pip install` in a virtual environment with the index that pip would have used.
# Usage: install.sh VENV ARGUMENTS...
set -eu
venv=$1
shift

# uv does not read pip's settings; a machine behind a mirror often has them only there.
pip_setting() {
    "$venv/bin/python" -m pip config list 2>/dev/null |
        sed -n "s/^[a-z:]*\.$1='\(.*\)'\$/\1/p" | tail -n 1
}

for pair in UV_DEFAULT_INDEX:index-url SSL_CERT_FILE:cert; do
    name=${pair%%:*}
    eval "given=\${$name:-}"
    [ -n "$given" ] || given=$(pip_setting "${pair#*:}")
    if [ -n "$given" ]; then export "$name=$given"; else unset "$name" || true; fi
done
exec "$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --compile-bytecode "$@"
