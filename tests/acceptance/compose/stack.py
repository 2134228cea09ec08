"""A Compose stack of a test's own: another project name and another port than anybody's."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.acceptance.client import NO_ANSWER, Answer, get
from tests.conftest import PROJECT, free_port

FOLDER = PROJECT / "compose"


def run(*command: str | Path, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the folder of compose.yml; what it printed is in the error when it fails."""
    result = subprocess.run(
        [str(word) for word in command],
        cwd=FOLDER,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not check or result.returncode == 0, f"{command}: {result.returncode}\n{result.stdout}\n{result.stderr}"
    return result


class Stack:
    """The stack. `settings` are the variables of compose.yml."""

    def __init__(self, **settings: str) -> None:
        self.port = free_port()
        self.project = f"windsock-test-{self.port}"
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.settings = settings

    def compose(self, *words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`docker compose ...` of this stack."""
        environment = {"COMPOSE_PROJECT_NAME": self.project, "WINDSOCK_PORT": str(self.port), **self.settings}
        return run("docker", "compose", *words, check=check, **environment)

    def up(self, *services: str) -> None:
        """Start services and what they need, or all, and wait until they are healthy."""
        self.compose("up", "--detach", "--wait", *services)

    def upload(self, folder: Path) -> str:
        """Put a folder's files into the bucket; gives what was printed, a line for each file copied."""
        done = self.compose("run", "--rm", "--volume", f"{folder}:/files:ro", "upload")
        return done.stdout + done.stderr

    def container(self, service: str) -> str:
        """The id of a service's container."""
        return self.compose("ps", "--all", "--quiet", service).stdout.strip()

    def inspect(self, service: str) -> dict[str, Any]:
        """What Docker knows about a service's container."""
        (found,) = json.loads(run("docker", "inspect", self.container(service)).stdout)
        return dict(found)

    def get(self, path: str, **query: object) -> Answer:
        """Ask the API, and again while it cannot be reached."""
        for _ in range(50):
            try:
                return get(self.base_url + path, **query)
            except NO_ANSWER:
                time.sleep(0.1)
        return get(self.base_url + path, **query)

    def passes(self) -> list[dict[str, Any]]:
        """The worker's passes, the newest first."""
        return list(self.get("/api/ingestions", per_page=100).json()["data"])

    def sql(self, query: str) -> str:
        """What PostgreSQL answers, inside its container."""
        psql: Sequence[str] = ("psql", "--username=postgres", "--dbname=windsock", "--no-psqlrc", "--tuples-only")
        return self.compose("exec", "-T", "db", *psql, "--no-align", "--command", query).stdout.strip()

    def served(self, path: str) -> int:
        """How many requests for a path the API has answered, by its log."""
        return run("docker", "logs", self.container("api")).stderr.count(f'"path": "{path}"')

    def remove(self) -> None:
        """Stop everything and remove it, data included."""
        self.compose("--profile", "upload", "down", "--volumes", "--remove-orphans", "--timeout", "5", check=False)
