#!/bin/sh
# Installs a tool whose packages would not go with the project's own into an environment of its own, .tools/<name>, made
# when it is not there or when requirements/<name>.txt has changed.
#
#     sh requirements/tool.sh bench    # or checkov, emulator, fuzz, supply
#
# PYTHON names the Python that it is made with; without it, the one of .venv, or else python3.
set -eu
cd "$(dirname "$0")/.."
lock="requirements/$1.txt"
tools=".tools/$1"
# Tests that run at the same time would spoil each other's installation.
if [ -z "${TOOL_LOCKED:-}" ] && command -v flock > /dev/null; then
    mkdir -p .tools
    TOOL_LOCKED=1 exec flock "$tools.lock" sh requirements/tool.sh "$1"
fi
python=${PYTHON:-}
if [ -z "$python" ]; then
    python=python3
    if .venv/bin/python -c '' 2> /dev/null; then python=.venv/bin/python; fi
fi
# The folder is part of it: a virtual environment does not survive being moved.
wanted="$PWD $("$python" -V) $(cksum < "$lock")"

if [ "$(cat "$tools/installed" 2> /dev/null)" != "$wanted" ]; then
    echo "Installing $lock into $tools"
    "$python" -m venv --clear "$tools"
    "$tools/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
        --requirement "$lock"
    printf '%s\n' "$wanted" > "$tools/installed"
fi
