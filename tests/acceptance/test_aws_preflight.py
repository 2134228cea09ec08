"""What stops a deployment to AWS before AWS is asked for anything: a real run of Ansible, without an account."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT, unmeasured


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """A copy of the inventory of production, to be spoilt."""
    shutil.copytree(PROJECT / "inventory" / "production", tmp_path / "production")
    return tmp_path / "production"


def deploy(inventory: Path) -> tuple[int, str]:
    """Run `site.yml` as somebody who has no credentials."""
    environment = {name: value for name, value in unmeasured().items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "site.yml", "--inventory", inventory],
        cwd=PROJECT,
        env={**environment, "HOME": str(inventory), "LC_ALL": "C.UTF-8", "AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, " ".join((done.stdout + done.stderr).split())


@pytest.mark.parametrize("variable", ["stack_prefix", "release_deadline_minutes", "public_url"])
def test_a_missing_variable_is_named(inventory: Path, variable: str) -> None:
    file = inventory / "group_vars/all/main.yml"
    file.write_text(re.sub(rf"(?m)^{variable}:.*\n", "", file.read_text()))
    status, said = deploy(inventory)
    assert status != 0
    assert f"inventory/production lacks {variable}." in said
    assert "changed=0" in said


def test_a_missing_region_is_named(inventory: Path) -> None:
    file = inventory / "group_vars/all/main.yml"
    file.write_text(file.read_text().replace("  region: us-east-1\n", ""))
    status, said = deploy(inventory)
    assert status != 0
    assert "inventory/production lacks aws.region." in said


@pytest.mark.docker
def test_without_credentials_it_says_how_to_get_some(inventory: Path) -> None:
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        pytest.skip("no Docker daemon answers: its absence is said first")
    status, said = deploy(inventory)
    assert status != 0
    assert "There are no credentials for AWS: run `aws configure sso`" in said
    assert "changed=0" in said
