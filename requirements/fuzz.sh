#!/bin/sh
# Installs the fuzzer, with what the parsers need, into an environment of its own: .tools/fuzz, made when it is not there
# or when requirements/fuzz.txt has changed. atheris has wheels for Linux on x86-64 and Python up to 3.13 only: elsewhere
# it is left out.
#
#     sh requirements/fuzz.sh
set -eu
cd "$(dirname "$0")/.."
# Tests that run at the same time would spoil each other's installation.
if [ -z "${FUZZ_LOCKED:-}" ] && command -v flock > /dev/null; then
    mkdir -p .tools
    FUZZ_LOCKED=1 exec flock .tools/fuzz.lock sh requirements/fuzz.sh
fi
lock=requirements/fuzz.txt
tools=.tools/fuzz
python=${PYTHON:-.venv/bin/python}
wanted="$PWD $("$python" -V) $(cksum < "$lock")"

if [ "$(cat "$tools/installed" 2> /dev/null)" != "$wanted" ]; then
    echo "Installing $lock into $tools"
    "$python" -m venv --clear "$tools"
    "$tools/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
        --requirement "$lock"
    printf '%s\n' "$wanted" > "$tools/installed"
fi
