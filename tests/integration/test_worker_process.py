"""The worker as a program: its exit status, what it says, and what is left when it is killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from database import roles
from database.migrate import newest_revision
from tests.conftest import PROJECT, Database, wait_until
from tests.integration.ingesting import (
    expected_statistics,
    finish,
    observations,
    start_worker,
    statistics,
    write_files,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files enough for a load of about a second."""
    return write_files(tmp_path / "weather")


def test_all_loaded_is_0_and_the_log_says_what_was_done(database: Database, folder: Path) -> None:
    status, out, err = finish(start_worker(database, folder, "ingest", WINDSOCK_METRICS="emf"))
    assert status == 0, err
    lines = [json.loads(line) for line in err.splitlines()]
    assert [line["action"] for line in lines].count("file_loaded") == 60
    assert lines[0]["action"] == "ingestion_started"
    assert lines[-1]["action"] == "ingestion_succeeded"
    assert lines[-1]["rows_inserted"] == 60 * 15 * 336
    [metrics] = out.splitlines()
    assert json.loads(metrics)["RowsInserted"] == 60 * 15 * 336


def test_a_pass_records_what_started_it(database: Database, tmp_path: Path) -> None:
    for trigger in ("event", "schedule", ""):
        assert finish(start_worker(database, tmp_path, "ingest", WINDSOCK_TRIGGER=trigger))[0] == 0
    recorded = database.rows("SELECT trigger FROM ingestion ORDER BY id")
    assert recorded == [("event",), ("schedule",), ("manual",)]
    status, _out, err = finish(start_worker(database, tmp_path, "ingest", WINDSOCK_TRIGGER="start"))
    assert (status, "WINDSOCK_TRIGGER is malformed (not one of manual, schedule, event)" in err) == (2, True)


def test_a_failed_file_is_1_and_the_others_are_loaded(database: Database, folder: Path) -> None:
    (folder / "page.txt").write_text("<!DOCTYPE html><html><body>Not found</body></html>\n")
    status, _, err = finish(start_worker(database, folder, "ingest", WINDSOCK_LOG_FORMAT="text"))
    assert status == 1
    assert "file failed" in err
    assert database.rows("SELECT count(*) FROM source_file WHERE status = 'loaded'") == [(60,)]
    assert database.rows("SELECT status FROM ingestion") == [("failed",)]
    # The file is known now: the next pass has nothing to do.
    assert finish(start_worker(database, folder, "ingest"))[0] == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"WINDSOCK_SOURCE": ""}, "WINDSOCK_SOURCE is not set: it should hold the folder or the s3://bucket/prefix"),
        ({"WINDSOCK_SOURCE": "https://example.org/x"}, "https:// is neither a folder nor s3://"),
        ({"WINDSOCK_SOURCE": "/does/not/exist"}, "the folder /does/not/exist does not exist"),
        ({"WINDSOCK_JOBS": "many"}, "WINDSOCK_JOBS is malformed (not a whole number)"),
        ({"WINDSOCK_DATABASE_URL": "postgresql://x@127.0.0.1:1/x"}, "cannot be used: "),
        ({"WINDSOCK_DATABASE_PASSWORD_FILE": "/does/not/exist"}, "the password file /does/not/exist cannot be read"),
    ],
)
def test_cannot_run_is_2_and_says_why(database: Database, folder: Path, changes: dict[str, str], said: str) -> None:
    status, _, err = finish(start_worker(database, folder, "ingest", **changes))
    assert (status, said in err) == (2, True), err
    assert "Traceback" not in err


def test_every_wrong_setting_is_named_at_once(database: Database, folder: Path) -> None:
    wrong = {"WINDSOCK_SCHEDULE": "at six", "WINDSOCK_SCHEDULE_TIMEZONE": "Mars", "WINDSOCK_LOG_LEVEL": "loud"}
    status, _, err = finish(start_worker(database, folder, "schedule", **wrong))
    assert status == 2
    assert all(name in err for name in wrong)


def test_asked_to_stop_it_leaves_whole_files_only(database: Database, folder: Path) -> None:
    worker = start_worker(database, folder, "ingest", WINDSOCK_JOBS="1")  # four portions, one after the other
    wait_until(lambda: database.rows("SELECT count(*) FROM source_file")[0][0] != 0, "a file is loaded")
    worker.send_signal(signal.SIGTERM)
    status, _, err = finish(worker)
    assert status == 1, err
    [(status_recorded, error)] = database.rows("SELECT status, error FROM ingestion")
    assert (status_recorded, error) == ("interrupted", "it was asked to stop")
    loaded = database.rows("SELECT count(*), sum(rows_inserted) FROM source_file")[0]
    assert loaded[0] < 60  # type: ignore[operator]  # a number
    assert len(observations(database)) == loaded[1]
    assert statistics(database) == expected_statistics(database)


def test_the_schedule_runs_a_pass_at_start_and_stops_in_the_middle_of_it(database: Database, folder: Path) -> None:
    worker = start_worker(database, folder, "schedule", WINDSOCK_RUN_AT_START="yes", WINDSOCK_JOBS="1")
    wait_until(lambda: database.rows("SELECT count(*) FROM source_file")[0][0] != 0, "a file is loaded")
    worker.send_signal(signal.SIGTERM)
    status, _, err = finish(worker)
    assert status == 0, err
    assert database.rows("SELECT trigger, status FROM ingestion") == [("start", "interrupted")]
    assert len(observations(database)) == database.rows("SELECT sum(rows_inserted) FROM source_file")[0][0]


def test_migrate_says_what_it_did(database: Database, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("api's\n")
    done = subprocess.run(
        [sys.executable, "-m", "worker", "migrate"],
        cwd=PROJECT,
        env={**database.environment(roles.OWNER), "WINDSOCK_API_PASSWORD_FILE": str(password)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"The database is at revision {newest_revision()}: nothing to do.\n"
