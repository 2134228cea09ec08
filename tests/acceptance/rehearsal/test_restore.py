"""The database restored to a moment, compared, and switched over to, on the deployment of test_rehearsal.py.

Run alone, it makes a deployment of its own.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.client import get
from tests.acceptance.rehearsal.rehearsal import Rehearsal, eventually
from tests.acceptance.rehearsal.test_rehearsal import put
from worker.sample import write_sample

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

PLAYBOOK = "playbooks/restore.yml"
PREFIX = "windsock-rehearsal"


@pytest.fixture
def loaded(deployed: Rehearsal, tmp_path: Path) -> Rehearsal:
    """A deployment with some stations loaded."""
    rehearsal = deployed
    if stations(rehearsal) == {0}:
        write_sample(tmp_path / "first", stations=2)
        for path in sorted((tmp_path / "first").glob("*.txt")):
            put(rehearsal, path)
        rehearsal.fire_schedule()
        assert eventually(lambda: stations(rehearsal) == {2}, 120)
    return rehearsal


def stations(rehearsal: Rehearsal) -> set[int]:
    """How many stations the API has, asked often enough that each process has answered; -1 where it has none."""
    answers = [get(f"{rehearsal.url}/api/stations?per_page=1") for _ in range(12)]
    return {int(each.json()["pagination"]["total_items"]) if each.status == 200 else -1 for each in answers}


def server_names(rehearsal: Rehearsal) -> list[str]:
    """The names of the database servers."""
    described = rehearsal.place.client("rds").describe_db_instances()["DBInstances"]
    return sorted(each["DBInstanceIdentifier"] for each in described)


def test_what_cannot_be_restored_is_said_and_nothing_is_changed(loaded: Rehearsal) -> None:
    for options, said in (
        (["-e", "to=yesterday"], "to is 'yesterday': it must be a time with its zone"),
        (["-e", "switch=windsock-production"], f"the name of this deployment is {PREFIX}"),
        (["-e", f"switch={PREFIX}"], "restore first, with -e to="),
        ([], "-e to=latest"),
    ):
        played = loaded.play(PLAYBOOK, *options)
        assert played.code != 0
        assert said in played.text
        assert played.counted("changed") == 0
    foreseen = loaded.play(PLAYBOOK, "--check", "-e", "to=latest")
    assert (foreseen.code, foreseen.counted("changed")) == (0, 1), foreseen.text
    assert len(server_names(loaded)) == 1


def test_a_moment_is_restored_beside_and_then_takes_the_place_of_what_lives(loaded: Rehearsal, tmp_path: Path) -> None:
    (before,) = stations(loaded)
    (server,) = server_names(loaded)
    address = loaded.outputs("database")["DatabaseAddress"]

    restored = loaded.play(PLAYBOOK, "-e", "to=latest")
    assert restored.code == 0, restored.text
    assert server_names(loaded) == [server, f"{server}-restored"]
    table = [line.split() for line in restored.text.splitlines()]
    assert ["stations", str(before), str(before)] in table
    assert f"-e switch={PREFIX}" in restored.text

    # What comes after the moment is what a restore takes away again.
    (tmp_path / "UNWANTED0001.txt").write_text("20200101\t   10\t    0\t    0\n", encoding="utf-8")
    put(loaded, tmp_path / "UNWANTED0001.txt")
    loaded.fire_schedule()
    assert eventually(lambda: stations(loaded) == {before + 1}, 120)

    switched = loaded.play(PLAYBOOK, "-e", f"switch={PREFIX}")
    assert switched.code == 0, switched.text
    assert ["stations", str(before + 1), str(before), "*"] in [line.split() for line in switched.text.splitlines()]
    assert eventually(lambda: stations(loaded) == {before}, 10)
    assert get(f"{loaded.url}/health/ready").status == 200
    assert loaded.outputs("database")["DatabaseAddress"] == address
    (live, old) = server_names(loaded)
    assert live == server
    assert old.startswith(f"{server}-before-")
    assert f"--db-instance-identifier {old}" in switched.text
    schedule = loaded.place.client("scheduler").get_schedule(Name=loaded.outputs("ingestion")["ScheduleName"])
    assert schedule["State"] == "ENABLED"

    # The file is still there, and the next look finds that the data lack it.
    loaded.fire_schedule()
    assert eventually(lambda: stations(loaded) == {before + 1}, 120)

    discarded = loaded.play(PLAYBOOK, "-e", "discard=true")
    assert (discarded.code, discarded.counted("changed")) == (0, 0), discarded.text
    assert "nothing to delete" in discarded.text

    # As the playbook says that it is done.
    rds = loaded.place.client("rds")
    rds.modify_db_instance(DBInstanceIdentifier=old, DeletionProtection=False, ApplyImmediately=True)
    rds.delete_db_instance(DBInstanceIdentifier=old, FinalDBSnapshotIdentifier=old)
    assert server_names(loaded) == [server]
    assert get(f"{loaded.url}/health/ready").status == 200
    rds.delete_db_snapshot(DBSnapshotIdentifier=old)
