"""`python -m emulator`: starts, says why it cannot, stops all that it started and nothing else."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from deployment.session import Place
from tests.conftest import PROJECT, free_port, wait_until
from tests.integration.emulator.conftest import REGION, Emulator, emulate
from tests.integration.emulator.running import start
from tests.integration.emulator.task_templates import container, template

pytestmark = pytest.mark.docker


def labelled(port: int, *command: str) -> list[str]:
    label = f"label=org.windsock.rehearsal={port}"
    listed = subprocess.run(
        ["docker", *command, "--quiet", "--filter", label], capture_output=True, text=True, check=True
    )
    return listed.stdout.split()


def containers(port: int) -> list[str]:
    return labelled(port, "ps", "--all")


def test_stop_ends_its_containers_and_no_other(emulator: Emulator, tmp_path: Path) -> None:
    other = subprocess.run(
        ["docker", "run", "--detach", "--rm", "python:3.13-slim-trixie", "sleep", "300"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    try:
        port = free_port(in_a_row=2)
        assert emulate("start", "--port", port, "--folder", tmp_path).returncode == 0
        second = Emulator(port, tmp_path, Place(REGION, "", f"http://127.0.0.1:{port}", "test", "test"))
        mount = [{"SourceVolume": "scratch", "ContainerPath": "/scratch"}]
        long = container("import time; time.sleep(300)", MountPoints=mount)
        assert second.stack("long", template(long)) == "CREATE_COMPLETE"
        start(second, "long")
        wait_until(lambda: len(containers(port)) == 1, "the task has its container", 60)
        assert emulate("stop", "--folder", tmp_path).returncode == 0
        assert containers(port) == []
        assert labelled(port, "volume", "ls") == []
        running = subprocess.run(["docker", "ps", "--quiet", "--no-trunc"], capture_output=True, text=True, check=True)
        assert other in running.stdout
    finally:
        subprocess.run(["docker", "rm", "--force", other], check=True, capture_output=True)
    assert emulator.client("sts").get_caller_identity()["Account"] == "123456789012"
    assert emulate("status", "--folder", tmp_path).stdout == f"No emulator runs from {tmp_path}.\n"


def test_stop_where_none_runs_does_nothing(tmp_path: Path) -> None:
    assert emulate("stop", "--folder", tmp_path).returncode == 0


def test_a_port_that_is_taken_is_told(docker: None, tmp_path: Path) -> None:  # noqa: ARG001 - needed by the start
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        started = emulate("start", "--port", port, "--folder", tmp_path)
    assert started.returncode == 1
    assert started.stderr.startswith(f"Port {port} of 127.0.0.1 is taken")


def test_a_second_one_from_the_same_folder_is_refused(emulator: Emulator) -> None:
    started = emulate("start", "--port", free_port(in_a_row=2), "--folder", emulator.folder)
    assert started.returncode == 1
    assert "running already" in started.stderr


def without_docker(tmp_path: Path, answer: str) -> subprocess.CompletedProcess[str]:
    """Start with a `docker` that does as `answer` says."""
    fake = tmp_path / "bin" / "docker"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\n{answer}\n")
    fake.chmod(0o755)
    return subprocess.run(
        [sys.executable, "-m", "emulator", "start", "--port", str(free_port()), "--folder", str(tmp_path / "folder")],
        cwd=PROJECT, capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": f"{fake.parent}:{os.environ['PATH']}"},
    )  # fmt: skip


def test_docker_that_does_not_answer_is_told(tmp_path: Path) -> None:
    started = without_docker(tmp_path, "exit 1")
    assert started.returncode == 1
    assert started.stderr.startswith("Docker does not answer")


def test_an_image_that_is_not_there_is_named(tmp_path: Path) -> None:
    started = without_docker(tmp_path, 'case "$1" in info) exit 0;; *) echo no such image >&2; exit 1;; esac')
    assert started.returncode == 1
    assert "The image postgres:17-trixie is not here and cannot be pulled: no such image" in started.stderr


def test_another_version_of_ministack_is_refused(emulator: Emulator, tmp_path: Path) -> None:
    assert emulator.port  # its environment is installed
    site = PROJECT / ".tools/emulator/lib"
    (described,) = site.glob("python*/site-packages/ministack-*.dist-info")
    other = tmp_path / "ministack-1.5.34.dist-info"
    shutil.copytree(described, other)
    metadata = (other / "METADATA").read_text().replace("\nVersion: 1.5.33\n", "\nVersion: 1.5.34\n", 1)
    (other / "METADATA").write_text(metadata)
    served = subprocess.run(
        [PROJECT / ".tools/emulator/bin/python", "-m", "emulator.server"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{PROJECT}"},
    )  # fmt: skip
    assert served.returncode == 2
    assert served.stderr.startswith("The emulator is written for MiniStack 1.5.33, and here is 1.5.34.")
