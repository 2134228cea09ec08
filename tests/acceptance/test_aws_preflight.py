"""What stops a deployment to AWS before AWS is asked for anything: a real run of Ansible, without an account."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.acceptance.playbook import play, without_credentials
from tests.conftest import PROJECT


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    """A copy of the inventory of production, to be spoilt."""
    shutil.copytree(PROJECT / "inventory" / "production", tmp_path / "production")
    return tmp_path / "production"


def deploy(inventory: Path) -> tuple[int, str]:
    """Run `site.yml` as somebody who has no credentials."""
    done = play("site.yml", inventory, environment=without_credentials(inventory))
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
def test_without_credentials_it_says_how_to_get_some(docker: None, inventory: Path) -> None:  # noqa: ARG001 - said first
    status, said = deploy(inventory)
    assert status != 0
    assert "There are no credentials for AWS: run `aws configure sso`" in said
    assert "changed=0" in said
