"""Workers killed in the middle of a load, several at once, a database that is killed or has no room."""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import (
    Cluster,
    Database,
    create_database,
    migrate_first,
    new_cluster,
    new_database,
    serving,
)
from tests.integration.ingesting import FILES, finish, start_worker, write_files
from tests.resilience.loads import PASSES, Load, asking, heal, somewhere, tries, undisturbed, whole_files_only
from tests.resilience.trials import Trial

DIED = "its program ended without recording why; the files it had not finished are loaded again"


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster, migrated: str) -> Load:
    """What the files come to when nobody disturbs their load."""
    folder = write_files(tmp_path_factory.mktemp("load") / "weather")
    with new_database(cluster, migrated) as database:
        return undisturbed(database, folder)


@pytest.fixture
def own_cluster() -> Iterator[Cluster]:
    """A cluster whose server the test starts, and may do anything to."""
    with new_cluster() as made:
        yield made


def test_a_worker_killed_at_any_moment_leaves_whole_files_and_the_next_pass_goes_on(
    cluster: Cluster, migrated: str, load: Load, trial: Trial, chance: random.Random, full: bool
) -> None:
    trial.what = "worker killed (SIGKILL) at random points of a load"
    in_the_middle: list[bool] = []
    for _ in tries(50 if full else 5, in_the_middle):
        with new_database(cluster, migrated) as database:
            worker = start_worker(database, load.source, "ingest")
            somewhere(worker, load, chance)
            worker.send_signal(signal.SIGKILL)
            finish(worker)
            in_the_middle.append(0 < whole_files_only(database) < FILES)
            before = [one for one in database.rows(PASSES) if one != ("succeeded", None)]
            assert before in ([], [("running", None)])
            heal(database, load.source)
            load.check(asking(database), trial)
            # The ledger says what happened to it, and knows that the pass after it did the rest.
            assert database.rows(PASSES)[-1] == ("succeeded", None)
            assert database.rows(PASSES)[:-1] in ([], [("succeeded", None)], [("interrupted", DIED)])
            trial.times += 1
    trial.seen = f"{sum(in_the_middle)} between two files' commits"
    assert any(in_the_middle)


def test_two_workers_at_once_load_each_file_once(
    cluster: Cluster, migrated: str, load: Load, trial: Trial, full: bool
) -> None:
    trial.what = "two workers started at once"
    shared = 0
    for _ in range(10 if full else 2):
        with new_database(cluster, migrated) as database:
            workers = [start_worker(database, load.source, "ingest") for _ in range(2)]
            for worker in workers:
                status, _, err = finish(worker)
                assert status == 0, err
            load.check(asking(database), trial)
            assert database.rows(PASSES) == [("succeeded", None)] * 2
            shared += len(database.rows("SELECT DISTINCT ingestion_id FROM source_file")) - 1
            trial.times += 1
    trial.seen = f"{shared} times both loaded some of the files"


def test_a_database_that_is_killed_in_the_middle_of_a_load_has_whole_files(
    own_cluster: Cluster, load: Load, trial: Trial, chance: random.Random, full: bool
) -> None:
    trial.what = "PostgreSQL killed (SIGKILL, all its processes) and restarted during a load"
    with serving(own_cluster):
        template = migrate_first(own_cluster)
    recoveries: list[float] = []
    in_the_middle: list[bool] = []
    for _ in tries(10 if full else 2, in_the_middle):
        with serving(own_cluster) as server:
            database = create_database(own_cluster, template)
            worker = start_worker(database, load.source, "ingest")
            somewhere(worker, load, chance)
            for process in [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            server.wait(30)
            status, _, err = finish(worker)
            # It may just have ended: then all of it has to be there still.
            assert (status, "cannot be used: " in err) in ((2, True), (0, False)), err
            assert "Traceback" not in err
        start = time.monotonic()
        with serving(own_cluster):
            recoveries.append(time.monotonic() - start)
            in_the_middle.append(0 < whole_files_only(database) < FILES)
            before = database.rows(PASSES)
            assert before in ([("succeeded", None)], *([[], [("running", None)]] if status else []))
            heal(database, load.source)
            load.check(asking(database), trial)
            closed = [("interrupted", DIED) if one == ("running", None) else one for one in before]
            assert database.rows(PASSES) == [*closed, ("succeeded", None)]
            trial.times += 1
    assert any(in_the_middle)
    trial.seen = f"{sum(in_the_middle)} between two files' commits; back after at most {max(recoveries):.1f} s"


def test_what_a_full_disk_has_no_room_for_is_loaded_when_there_is_some(
    own_cluster: Cluster, load: Load, trial: Trial
) -> None:
    trial.what = "disk full in PostgreSQL: observations on 6 MB"
    with serving(own_cluster), _small_disk(own_cluster, megabytes=6) as folder:
        database = Database(own_cluster, migrate_first(own_cluster))
        with own_cluster.superuser(database.name) as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
            connection.execute("ALTER TABLE observation SET TABLESPACE small")
        # One job: of two, each could take half of the room with files that then do not fit.
        status, _, err = finish(start_worker(database, load.source, "ingest", WINDSOCK_JOBS="1"))
        assert status == 1, err
        loaded = whole_files_only(database)
        refused = database.rows("SELECT DISTINCT error FROM source_file WHERE status = 'interrupted'")
        assert 0 < loaded < FILES
        assert all("the database refused it" in str(error) and "No space left" in str(error) for (error,) in refused)
        assert database.rows("SELECT count(DISTINCT uri) FROM source_file") == [(FILES,)]
        assert database.rows(PASSES) == [("failed", None)]

        subprocess.run(["mount", "--options", "remount,size=64m", str(folder)], check=True)
        heal(database, load.source)
        load.check(asking(database), trial)
        assert database.rows(PASSES) == [("failed", None), ("succeeded", None)]
    trial.times = 1
    trial.seen = f"{loaded} of {FILES} files had room"


@contextlib.contextmanager
def _small_disk(cluster: Cluster, megabytes: int) -> Iterator[Path]:
    """A file system in memory of this size, for the cluster's server."""
    folder = cluster.folder.parent / "small"
    folder.mkdir()
    owner = cluster.folder.stat()
    options = f"size={megabytes}m,mode=0700,uid={owner.st_uid},gid={owner.st_gid}"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "--options", options, "windsock-test", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        # Lazily: the server, which ends after this, still has files open there.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
