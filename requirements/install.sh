#!/bin/sh
# Makes .venv and installs one set of locked requirements into it: nothing to do when that very set is there already.
#
#     sh requirements/install.sh local    # or dev
#
# PYTHON names the Python that .venv is made with; without it, the one that .venv has, or else python3.
set -eu
cd "$(dirname "$0")/.."
lock="requirements/$1.txt"

stop() {
    printf '%s\n' "$1" >&2
    exit 1
}

# What the command $1 is: its version when Windsock runs on it, an empty line when not.
suitable() {
    "$1" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3] if (3, 11) <= sys.version_info[:2] < (3, 15) else "")'
}

python=${PYTHON:-}
if [ -z "$python" ]; then
    python=python3
    # A .venv that does not run (its Python was removed) is made again.
    if .venv/bin/python -c '' 2> /dev/null; then python=.venv/bin/python; fi
fi
command -v "$python" > /dev/null ||
    stop "There is no $python here: install Python 3.11 or newer, or name one, such as: make up PYTHON=python3.12"
version=$(suitable "$python")
[ -n "$version" ] ||
    stop "Windsock needs Python 3.11 to 3.14, and $python is $("$python" -V 2>&1): name another one, such as: make up PYTHON=python3.12"

# The folder is part of it: a virtual environment does not survive being moved.
wanted="$PWD $version $(cksum < "$lock")"
stamp=".venv/windsock-$1"
if [ "$(cat "$stamp" 2> /dev/null)" = "$wanted" ]; then exit 0; fi

if [ "$(.venv/bin/python -c '' 2> /dev/null && suitable .venv/bin/python)" != "$version" ] ||
    [ "$(cat .venv/windsock-folder 2> /dev/null)" != "$PWD" ]; then
    "$python" -c 'import ensurepip, venv' 2> /dev/null ||
        stop "$python has no module venv: on Debian and Ubuntu, apt-get install python3-venv adds it"
    echo "Making .venv with Python $version"
    "$python" -m venv --clear .venv
    printf '%s\n' "$PWD" > .venv/windsock-folder
fi
echo "Installing $lock"
# The lock names everything, so there is nothing to resolve; what is run is compiled when it is first run.
.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile --require-hashes \
    --requirement "$lock"
printf '%s\n' "$wanted" > "$stamp"
