#!/bin/sh
# Checks the templates with checkov, in an environment of its own: .tools/checkov, made when it is not there or when
# requirements/checkov.txt has changed. What is skipped stands in the templates, each with its reason.
#
#     sh requirements/checkov.sh [cloudformation]
set -eu
cd "$(dirname "$0")/.."
lock=requirements/checkov.txt
tools=.tools/checkov
wanted="$PWD $(cksum < "$lock")"

if [ "$(cat "$tools/installed" 2> /dev/null)" != "$wanted" ]; then
    echo "Installing $lock into $tools"
    "${PYTHON:-python3}" -m venv --clear "$tools"
    "$tools/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
        --requirement "$lock"
    printf '%s\n' "$wanted" > "$tools/installed"
fi
# --skip-download: it asks no service on the internet for anything.
exec "$tools/bin/python" "$tools/bin/checkov" --directory "${1:-cloudformation}" --framework cloudformation \
    --skip-download --compact --quiet
