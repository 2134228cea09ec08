#!/bin/sh
# Looks for known holes in all locked packages, by PyPI's advisories.
#
#     sh requirements/audit.sh
set -eu
cd "$(dirname "$0")/.."
sh requirements/tool.sh supply

# Of one locked file; fails where a package has an advisory, or was not found to be looked up.
audit() {
    .tools/supply/bin/pip-audit --strict --disable-pip --no-deps --progress-spinner off --requirement "$1"
}

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
