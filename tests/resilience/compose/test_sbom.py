"""The bill of materials of each image has what is in the image, by its own account."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.compose.stack import run
from tests.conftest import PROJECT
from tests.resilience.trials import Trial

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

PYTHON = "import importlib.metadata as m\nfor d in m.distributions(): print(d.metadata['Name'], d.version)"
DEBIAN = r"${db:Status-Status} ${Package} ${Version}\n"


@pytest.mark.parametrize("program", ["api", "worker"])
def test_every_package_of_an_image_is_in_its_bill_of_materials(
    images: None,  # noqa: ARG001 - looked at
    tmp_path: Path,
    trial: Trial,
    program: str,
) -> None:
    trial.what = f"the packages that the image of the {program} has, looked up in its CycloneDX bill of materials"
    image, file = f"windsock-{program}:dev", tmp_path / "bill.cdx.json"
    subprocess.run(["sh", "requirements/tool.sh", "supply"], cwd=PROJECT, check=True)
    subprocess.run([PROJECT / ".tools/supply/bin/python", "compose/sbom.py", image, file], cwd=PROJECT, check=True)
    bill = json.loads(file.read_text(encoding="utf-8"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    listed = {(one["purl"].split("/")[0], one["name"].lower(), one["version"]) for one in bill["components"]}

    start = ("docker", "run", "--rm", "--network", "none", "--entrypoint")
    python = run(*start, "python", image, "-c", PYTHON).stdout.split("\n")
    debian = run(*start, "dpkg-query", image, "--show", f"--showformat={DEBIAN}").stdout.split("\n")
    there = {("pkg:pypi", *line.lower().split(" ")) for line in python if line}
    there |= {("pkg:deb", *line.split(" ")[1:]) for line in debian if line.startswith("installed ")}
    locked = (PROJECT / "requirements" / f"{program}.txt").read_text(encoding="utf-8")
    assert ("pkg:pypi", "sqlalchemy") in {one[:2] for one in there}
    assert "sqlalchemy" in locked
    trial.times, trial.lost = len(there), len(there - listed)
    trial.seen = f"{len(bill['components'])} entries"
    assert there - listed == set()
