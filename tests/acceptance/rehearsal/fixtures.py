"""One rehearsal for all of its tests, in whichever folder: they follow each other as its days would.

A plugin of tests/conftest.py: what several folders share lives once only where it belongs to none of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.acceptance.rehearsal.rehearsal import Rehearsal
from tests.conftest import ARTEFACTS, PROJECT

FOLDERS = ("tests/acceptance/rehearsal", "tests/resilience/rehearsal")
_FIRST = "test_rehearsal.py"
_LAST = "test_a_deployment_is_deleted_and_its_data_are_kept"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What deploys comes first, what deletes last: the tests of both folders go on with the same deployment.

    They follow each other, so that its containers do not run beside tests of anything else.
    """
    folders = {PROJECT / folder for folder in FOLDERS}
    ours = [item for item in items if item.path.parent in folders]
    if ours:
        first = items.index(ours[0])
        others = [item for item in items if item.path.parent not in folders]
        ours.sort(key=lambda item: (item.name == _LAST, item.path.name != _FIRST))
        items[:] = others[:first] + ours + others[first:]


@pytest.fixture(scope="session")
def rehearsal(docker: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:  # noqa: ARG001 - in it
    """The emulated AWS, with nothing deployed to it. Afterwards nothing of it is left."""
    started = Rehearsal(tmp_path_factory.mktemp("rehearsal"))
    started.start()
    yield started
    started.write_down()
    started.stop()
    ARTEFACTS.mkdir(exist_ok=True)
    (ARTEFACTS / "rehearsal.txt").write_text(_summary(started), encoding="utf-8")


@pytest.fixture
def deployed(rehearsal: Rehearsal) -> Rehearsal:
    """With everything deployed: by the tests before, or now, where a file is run alone."""
    try:
        rehearsal.outputs("api")
    except ClientError:
        played = rehearsal.play("site.yml")
        assert played.code == 0, played.text
    return rehearsal


def _summary(rehearsal: Rehearsal) -> str:
    """What ran for real, how long it took, and what was only written down."""
    return "\n".join(
        [
            "For real, in containers: the database, the migrations, the API, the worker; docker push;",
            "HTTP through CloudFront's and the load balancer's rules; the functions, as processes.",
            *(
                f"  {seconds:6.0f} s  {calls:5} calls of AWS  {what}"
                for what, seconds, calls in sorted(rehearsal.stopwatch, key=lambda each: -each[1])
            ),
            "Only written down, and so not proved (docs/verification.md says how else it is):",
            *(f"  {entry['kind']:<45} {entry['not_proved']}" for entry in rehearsal.written_down),
        ]
    )
