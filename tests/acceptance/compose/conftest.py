"""Stacks of real containers, made from this project's own files."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.compose.stack import Stack, run
from tests.acceptance.figures import STATION_DAYS, total_items
from tests.conftest import wait_until


@pytest.fixture(scope="session")
def docker() -> None:
    """A daemon that answers; without one, the test is skipped."""
    try:
        answer = subprocess.run(["docker", "info"], capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError:
        pytest.skip("no Docker here")
    if answer.returncode:
        pytest.skip("no Docker daemon answers")


@pytest.fixture(scope="session")
def wx_data(weather_data: Callable[[str], Path]) -> Path:
    """The folder of the real station files."""
    return weather_data("wx_data")


@pytest.fixture(scope="session")
def images(docker: None) -> None:  # noqa: ARG001 - built by it
    """The images, built from the project as it is now."""
    run("docker", "compose", "--profile", "upload", "build", "--quiet")


@pytest.fixture
def new_stack(images: None) -> Iterator[Callable[..., Stack]]:  # noqa: ARG001 - started from them
    """A function that gives an empty stack which has not been started yet."""
    stacks: list[Stack] = []

    def new(**settings: str) -> Stack:
        stacks.append(Stack(**settings))
        return stacks[-1]

    yield new
    for stack in stacks:
        stack.remove()


@pytest.fixture(scope="package")
def stack(images: None) -> Iterator[Stack]:  # noqa: ARG001 - started from them
    """A stack whose schedule is due every minute: the next pass is always a few seconds ahead."""
    started = Stack(WINDSOCK_SCHEDULE="* * * * *")
    try:
        started.up()
        yield started
    finally:
        started.remove()


@pytest.fixture(scope="package")
def loaded(stack: Stack, wx_data: Path) -> Stack:
    """The stack when its own schedule has loaded the real station files."""
    stack.upload(wx_data)
    wait_until(
        # Several times: each process of the API holds the version of the data for a second.
        lambda: (
            all(total_items(stack.base_url, "/api/weather") >= STATION_DAYS for _ in range(12))
            and stack.passes()[0]["status"] != "running"
        ),
        "the schedule has loaded the files",
        seconds=180,
    )
    return stack
