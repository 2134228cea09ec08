#!/bin/sh
# Installs the references that `make bench` measures the API against into an environment of their own: .tools/bench, made
# when it is not there or when requirements/bench.txt has changed.
#
#     sh requirements/bench.sh
set -eu
cd "$(dirname "$0")/.."
lock=requirements/bench.txt
tools=.tools/bench
wanted="$PWD $(cksum < "$lock")"

if [ "$(cat "$tools/installed" 2> /dev/null)" != "$wanted" ]; then
    echo "Installing $lock into $tools"
    "${PYTHON:-python3}" -m venv --clear "$tools"
    "$tools/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
        --requirement "$lock"
    printf '%s\n' "$wanted" > "$tools/installed"
fi
