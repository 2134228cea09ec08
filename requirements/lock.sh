#!/bin/sh
# Writes requirements/*.txt from pyproject.toml: exact versions and the hashes of every file.
#
#     sh requirements/lock.sh [--upgrade]
#
# The development set is resolved first and holds the others to its versions: what is tested is what runs.
set -eu
cd "$(dirname "$0")/.."

compile() {
    extra=$1
    shift
    .venv/bin/python -m uv pip compile pyproject.toml --extra "$extra" --universal --python-version 3.11 \
        --generate-hashes --no-header --quiet --output-file "requirements/$extra.txt" "$@"
}

compile dev "$@"
for extra in api worker local deploy rotation; do
    compile "$extra" --constraints requirements/dev.txt "$@"
done
# checkov wants an older boto3, and nobody but the emulator and the references of the benchmark has their packages: nothing
# binds these to the others.
for tool in checkov emulator bench supply; do
    .venv/bin/python -m uv pip compile "requirements/$tool.in" --universal --python-version 3.11 \
        --generate-hashes --no-header --quiet --output-file "requirements/$tool.txt" "$@"
done
# The fuzzer runs the parsers with the packages that they are tested with.
.venv/bin/python -m uv pip compile requirements/fuzz.in pyproject.toml --extra api --extra worker --universal \
    --python-version 3.11 --constraints requirements/dev.txt --generate-hashes --no-header --quiet \
    --output-file requirements/fuzz.txt
