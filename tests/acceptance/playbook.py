"""A playbook of the project as a user runs it, by a real Ansible: the one that the tests are run with."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.conftest import PROJECT, unmeasured

ANSIBLE_PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")


def play(
    playbook: str, inventory: str | Path, *options: str, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a playbook and give what it printed, whether it failed or not.

    Args:
        playbook: which one, from the project's folder.
        inventory: the name of one of the project's, or the folder of another.
        options: more words of the command line.
        environment: all of its environment, but for the encoding; that of the tests where it is not given.
    """
    chosen = inventory if isinstance(inventory, Path) else PROJECT / "inventory" / inventory
    return subprocess.run(
        [ANSIBLE_PLAYBOOK, playbook, "--inventory", chosen, *options],
        cwd=PROJECT,
        env={**(unmeasured() if environment is None else environment), "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )


def without_credentials(home: Path) -> dict[str, str]:
    """The environment of somebody who has never had to do with AWS."""
    ours = {name: value for name, value in unmeasured().items() if not name.startswith("AWS_")}
    return {**ours, "HOME": str(home), "AWS_EC2_METADATA_DISABLED": "true"}
