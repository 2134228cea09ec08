"""A copy of the project in a folder of its own, and what a user types there."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.conftest import PROJECT, free_port, unmeasured

BOX = re.compile(r"^┌─+┐\n(?:│ .* │\n)+└─+┘$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Run:
    """What a command answered."""

    status: int
    output: str

    def recap(self, word: str) -> int:
        """A number of Ansible's last line, such as that of `changed`."""
        found = re.findall(rf"\b{word}=(\d+)", self.output)
        assert found, self.output
        return int(found[-1])

    def box(self) -> str:
        """What it ended with."""
        found = BOX.search(self.output)
        assert found, self.output
        return found[0]


@dataclasses.dataclass(frozen=True)
class Place:
    """A copy of the project with ports of its own; `prefix` are the words that start a command as another user."""

    folder: Path
    api_port: int
    database_port: int
    prefix: Sequence[str] = ()
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def state(self) -> Path:
        """Its state folder."""
        return self.folder / ".windsock"

    def make(self, *words: str, settings: Mapping[str, object] | None = None, check: bool = False) -> Run:
        """Run `make` with the words, and further settings for this run; with `check`, only ask what would change."""
        # JSON without spaces: as one word of ARGS it passes through make and the shell.
        variables = {"api_port": self.api_port, "database_port": self.database_port, **(settings or {})}
        chosen = f"--extra-vars '{json.dumps(variables, separators=(',', ':'))}'"
        # A `make test` around this one has handed its own variables down.
        ours = {name: value for name, value in unmeasured().items() if not name.startswith(("MAKE", "MFLAGS"))}
        result = subprocess.run(
            [*self.prefix, "make", *words, f"ARGS={chosen}{' --check --diff' if check else ''}"],
            cwd=self.folder,
            env={**ours, "SOURCE": "", "PURGE": "", "ARGS": "", **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=280,
        )
        return Run(result.returncode, result.stdout)

    def play(self, playbook: str, **settings: object) -> Run:
        """Run a playbook of the project in what `make up` has installed, with settings for this run."""
        variables = {"api_port": self.api_port, "database_port": self.database_port, **settings}
        result = subprocess.run(
            [
                *(*self.prefix, self.folder / ".venv" / "bin" / "ansible-playbook", playbook),
                *("--inventory", "inventory/local", "--extra-vars", json.dumps(variables)),
            ],
            cwd=self.folder,
            env={**unmeasured(), "SOURCE": "", "LC_ALL": "C.UTF-8", **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=280,
        )
        return Run(result.returncode, result.stdout)

    def get(self, path: str) -> Any:
        """What the API answers."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.api_port}{path}", timeout=10) as response:
            return json.load(response)

    def total(self, path: str = "/api/weather?per_page=1") -> int:
        """How many items a list of the API has."""
        items: int = self.get(path)["pagination"]["total_items"]
        return items

    def pids(self) -> dict[str, int]:
        """The processes that the supervisor runs."""
        status = subprocess.run(
            [
                self.folder / ".venv" / "bin" / "python",
                *("-m", "supervisor.supervisorctl", "--configuration", self.state / "supervisord.conf", "status"),
            ],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        ).stdout
        return {name: int(pid) for name, pid in re.findall(r"^(\S+) +RUNNING +pid (\d+)", status, re.MULTILINE)}


def copy_of_the_project(folder: Path) -> Place:
    """Copy what is, or would be, in the repository: not the state, not the virtual environment."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        source = PROJECT / name
        if source.is_file() and not source.is_symlink():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, folder / name)
    return Place(folder, free_port(), free_port())
