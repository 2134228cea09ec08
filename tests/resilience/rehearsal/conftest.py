"""The deployment that these trials share with tests/acceptance/rehearsal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.rehearsal.rehearsal import Rehearsal
from tests.resilience.rehearsal.batch import Batch, write_files
from tests.resilience.rehearsal.cloud import Cloud


@pytest.fixture
def cloud(deployed: Rehearsal) -> Cloud:
    """What is deployed, by the tests before or now."""
    return Cloud(deployed)


@pytest.fixture
def batch(cloud: Cloud, tmp_path: Path) -> Iterator[Callable[[str], Batch]]:
    """A function that uploads new files, of stations whose codes begin as told; they are taken away afterwards."""
    undo = []

    def upload(prefix: str) -> Batch:
        undo.append(cloud.upload(write_files(tmp_path, prefix)))
        return Batch(cloud, prefix)

    yield upload
    for take_away in undo:
        take_away()
