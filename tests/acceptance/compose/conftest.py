"""Stacks of real containers, made from this project's own files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.compose.stack import Stack
from tests.acceptance.figures import STATION_DAYS, total_items
from tests.conftest import wait_until


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
