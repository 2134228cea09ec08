#!/bin/sh
# Looks at what others have made, with tools in an environment of their own: .tools/supply, made when it is not there or
# when requirements/supply.txt has changed.
#
#     sh requirements/supply.sh                          # only installs
#     sh requirements/supply.sh audit                    # known holes in all locked packages
#     sh requirements/supply.sh sbom IMAGE FILE          # the bill of materials of an image, as CycloneDX
set -eu
cd "$(dirname "$0")/.."
lock=requirements/supply.txt
tools=.tools/supply
wanted="$PWD $(cksum < "$lock")"

if [ "$(cat "$tools/installed" 2> /dev/null)" != "$wanted" ]; then
    echo "Installing $lock into $tools"
    "${PYTHON:-python3}" -m venv --clear "$tools"
    "$tools/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
        --requirement "$lock"
    printf '%s\n' "$wanted" > "$tools/installed"
fi

# Advisories of PyPI about one locked file; fails where a package has one, or was not found to be looked up.
audit() {
    "$tools/bin/pip-audit" --strict --disable-pip --no-deps --progress-spinner off --requirement "$1"
}

case ${1:-} in
    '') ;;
    audit)
        # A package with known holes: where it passes, there is nothing to compare with, and silence would mean nothing.
        known=$(mktemp)
        trap 'rm -f "$known"' EXIT
        echo 'jinja2==2.10' > "$known"
        if ! audit "$known" 2>&1 | grep --quiet 'PYSEC-\|GHSA-\|CVE-'; then
            echo "Nothing was audited: no advisories are within reach. They are PyPI's own, and a mirror has none." >&2
            exit 2
        fi
        for file in api worker local deploy rotation dev; do
            echo "requirements/$file.txt"
            audit "requirements/$file.txt"
        done
        ;;
    sbom) "$tools/bin/python" compose/sbom.py "$2" "$3" ;;
    *)
        echo "supply.sh: $1 is none of audit, sbom" >&2
        exit 2
        ;;
esac
