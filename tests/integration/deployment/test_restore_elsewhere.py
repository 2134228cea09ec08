"""The places that keep no backups say so, and what to do instead."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT, unmeasured


@pytest.mark.parametrize(
    ("place", "instead"),
    [("local", "`make down`, then copy"), ("compose", "docker exec windsock-db-1 pg_dump")],
)
def test_a_place_without_backups_says_what_to_do(place: str, instead: str) -> None:
    done = subprocess.run(
        [Path(sys.executable).parent / "ansible-playbook", "playbooks/restore.yml", "-i", f"inventory/{place}"],
        cwd=PROJECT,
        env={**unmeasured(), "LC_ALL": "C.UTF-8", "ANSIBLE_FORCE_COLOR": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "keeps no backups" in done.stdout + done.stderr
    assert instead in done.stdout + done.stderr
