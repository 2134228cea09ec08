#!/bin/sh
# Installs the emulated AWS in an environment of its own: .tools/emulator, made when it is not there or when
# requirements/emulator.txt has changed. `python -m emulator start` calls it.
#
#     sh requirements/emulator.sh
set -eu
cd "$(dirname "$0")/.."
# Tests that run at the same time would spoil each other's installation.
if [ -z "${EMULATOR_LOCKED:-}" ] && command -v flock > /dev/null; then
    mkdir -p .tools
    EMULATOR_LOCKED=1 exec flock .tools/emulator.lock sh requirements/emulator.sh
fi
lock=requirements/emulator.txt
tools=.tools/emulator
wanted="$PWD $(cksum < "$lock")"

if [ "$(cat "$tools/installed" 2> /dev/null)" != "$wanted" ]; then
    echo "Installing $lock into $tools"
    "${PYTHON:-python3}" -m venv --clear "$tools"
    "$tools/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
        --requirement "$lock"
    printf '%s\n' "$wanted" > "$tools/installed"
fi
