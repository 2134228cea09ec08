"""What all tests with Compose need, in whichever folder. A plugin of tests/conftest.py: the images are built once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.compose.stack import Stack, run

BUILDS = 3
LOST_CONTEXT = "failed to calculate checksum of ref"
"""What Docker 26 has said of a folder that was there, once: roles/compose_stack tries again as well."""


@pytest.fixture(scope="session")
def wx_data(weather_data: Callable[[str], Path]) -> Path:
    """The folder of the real station files."""
    return weather_data("wx_data")


@pytest.fixture(scope="session")
def images(docker: None) -> None:  # noqa: ARG001 - built by it
    """The images, built from the project as it is now."""
    for _ in range(BUILDS):
        built = run("docker", "compose", "--profile", "upload", "build", "--quiet", check=False)
        if LOST_CONTEXT not in built.stderr:
            break
    assert built.returncode == 0, built.stderr


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
