"""The images: small, locked down, and nothing in them but the program."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.acceptance.compose.stack import run
from tests.conftest import PROJECT

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("images"), pytest.mark.timeout(900)]

BASE = "python:3.13-slim-trixie"
PROGRAMS = {"api": "windsock-api:dev", "worker": "windsock-worker:dev"}
LOCKED = ("--rm", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "none")


def inspect(image: str) -> dict[str, Any]:
    (found,) = json.loads(run("docker", "image", "inspect", image).stdout)
    return dict(found)


@pytest.mark.parametrize("image", PROGRAMS.values())
def test_an_image_adds_at_most_150_mb_to_its_base(image: str) -> None:
    assert inspect(image)["Size"] - inspect(BASE)["Size"] < 150e6


def test_the_api_runs_locked_down() -> None:
    run("docker", "run", *LOCKED, "--user", "10001", PROGRAMS["api"], "python", "-c", "import app; app.create_app")


def test_the_worker_runs_locked_down() -> None:
    assert "ingest" in run("docker", "run", *LOCKED, "--user", "10001", PROGRAMS["worker"], "--help").stdout


@pytest.mark.parametrize("image", PROGRAMS.values())
def test_temporary_files_can_be_written_and_nothing_else(image: str) -> None:
    tries = (
        "touch /tmp/a && echo written; for f in /a /windsock/a /opt/venv/a; do touch $f 2> /dev/null && echo $f; done"
    )
    found = run("docker", "run", *LOCKED, "--user", "10001", "--entrypoint", "sh", image, "-c", f"{tries}; true").stdout
    assert found.split() == ["written"]


@pytest.mark.parametrize("image", PROGRAMS.values())
def test_no_compiler_no_pip_and_no_stranger_to_the_program(image: str) -> None:
    looks = "ls /windsock /opt/venv/bin; command -v gcc cc make || echo no compiler"
    found = run("docker", "run", *LOCKED, "--entrypoint", "sh", image, "-c", looks).stdout
    assert "no compiler" in found
    assert "pip" not in found
    assert "tests" not in found


@pytest.mark.parametrize(("program", "stranger"), [("api", "worker"), ("worker", "app")])
def test_an_image_has_one_program(program: str, stranger: str) -> None:
    folders = run("docker", "run", *LOCKED, "--entrypoint", "ls", PROGRAMS[program], "/windsock").stdout.split()
    assert "database" in folders
    assert stranger not in folders


@pytest.mark.parametrize("image", PROGRAMS.values())
def test_nobody_is_root_and_the_end_is_asked_for(image: str) -> None:
    config = inspect(image)["Config"]
    assert config["User"] == "10001:10001"
    assert config["StopSignal"] == "SIGTERM"
    assert config["Labels"]["org.opencontainers.image.licenses"] == "MIT"


def test_the_api_has_a_health_check_of_its_own() -> None:
    assert "/health/live" in " ".join(inspect(PROGRAMS["api"])["Config"]["Healthcheck"]["Test"])


def test_the_same_files_make_the_same_layers() -> None:
    def layers() -> list[str]:
        command = ["docker", "build", "--quiet", "--file", "Dockerfile", "--target", "worker"]
        # Only what copies and compiles: the packages come from the cache, so that no index is asked again.
        image = run(*command, "--no-cache-filter", "worker-code,worker", PROJECT).stdout.strip()
        found = inspect(image)
        if not found["RepoTags"]:
            run("docker", "image", "rm", image)
        return list(found["RootFS"]["Layers"])

    assert layers() == layers()
