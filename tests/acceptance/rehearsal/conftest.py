"""One rehearsal for all of its tests: they follow each other as its days would."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.rehearsal.rehearsal import Rehearsal

_done: list[Rehearsal] = []
_LAST = "test_a_deployment_is_deleted_and_its_data_are_kept"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What deletes the deployment comes last: the tests of every file here go on with the same one."""
    ours = [index for index, item in enumerate(items) if item.path.parent == Path(__file__).parent]
    in_order = sorted((items[index] for index in ours), key=lambda item: item.name == _LAST)
    for index, item in zip(ours, in_order, strict=True):
        items[index] = item


@pytest.fixture(scope="session")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """The emulated AWS, with nothing deployed to it. Afterwards nothing of it is left."""
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        pytest.skip("no Docker daemon answers")
    started = Rehearsal(tmp_path_factory.mktemp("rehearsal"))
    started.start()
    _done.append(started)
    yield started
    started.write_down()
    started.stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what ran for real, how long it took, and what was only written down."""
    for rehearsal in _done:
        terminalreporter.section("the rehearsal")
        terminalreporter.write_line(
            "For real, in containers: the database, the migrations, the API, the worker; docker push;"
        )
        terminalreporter.write_line(
            "HTTP through CloudFront's and the load balancer's rules; the functions, as processes."
        )
        for what, seconds in sorted(rehearsal.stopwatch, key=lambda entry: -entry[1]):
            terminalreporter.write_line(f"  {seconds:6.0f} s  {what}")
        terminalreporter.write_line("Only written down, and so not proved (docs/verification.md says how else it is):")
        for entry in rehearsal.written_down:
            terminalreporter.write_line(f"  {entry['kind']:<45} {entry['not_proved']}")
