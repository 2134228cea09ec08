"""Loads that are cut off or started twice, in ECS: what is in the database afterwards, and what the ledger says."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.conftest import wait_until
from tests.resilience.rehearsal.batch import FILES, Batch
from tests.resilience.rehearsal.cloud import Cloud, kill
from tests.resilience.trials import Trial

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

KILLS, INTERRUPTIONS, TOGETHER = 8, 4, 3
"""How often each is tried at full length; otherwise once."""


def started(cloud: Cloud, files: Batch, at_least: int) -> str:
    """Start a pass and give its task in the middle of the load, when so many files are in."""
    task = cloud.run_worker(WINDSOCK_JOBS="1")
    files.until_loaded(at_least)
    return task


def finished(files: Batch) -> list[tuple[object, ...]]:
    """Wait until all files are loaded and the last pass has ended; give trigger, status and error of each pass."""
    files.until_loaded(FILES)
    wait_until(lambda: files.passes()[-1][1] != "running", "the next pass has ended", 60)
    return files.passes()


def test_a_killed_worker_leaves_whole_files_and_the_next_pass_loads_the_rest(
    cloud: Cloud, batch: Callable[[str], Batch], trial: Trial, chance: random.Random, full: bool
) -> None:
    trial.what = "a worker's container killed in the middle of a load in ECS"
    for number in range(KILLS if full else 1):
        files = batch(f"KIL{number}")
        task = started(cloud, files, at_least=chance.randint(1, FILES // 3))
        kill(cloud.container(task))
        ended = cloud.ended(task)
        assert (ended["containers"][0]["exitCode"], ended["stopCode"]) == (137, "EssentialContainerExited")
        left = files.loaded()
        assert left < FILES, "it was not in the middle of the load"
        assert len(files.observations()) == files.rows_of_ledger(), "a file is there by halves"
        cloud.rehearsal.fire_schedule()
        passes = finished(files)
        assert [found[:2] for found in passes] == [("manual", "interrupted"), ("schedule", "succeeded")]
        assert "its program ended without recording why" in str(passes[0][2])
        trial.times += 1
        trial.lost += files.wrong()
        trial.seen = f"{left} of {FILES} files were loaded when it was killed; the next pass loaded the rest"
    assert trial.lost == 0


def test_what_spot_takes_away_is_started_again_and_ends_as_if_undisturbed(
    cloud: Cloud, batch: Callable[[str], Batch], trial: Trial, chance: random.Random, full: bool
) -> None:
    trial.what = "a worker's task taken away by Spot in the middle of a load"
    for number in range(INTERRUPTIONS if full else 1):
        files = batch(f"SPOT{number}")
        task = started(cloud, files, at_least=chance.randint(1, FILES // 3))
        container = cloud.container(task)
        cloud.interrupt(task)
        if number % 2:  # it has not ended by itself when its time is over
            kill(container)
        ended = cloud.ended(task)
        assert ended["stopCode"] == "SpotInterruption"
        passes = finished(files)
        assert [found[:2] for found in passes] == [("manual", "interrupted"), ("event", "succeeded")]
        trial.times += 1
        trial.lost += files.wrong()
        trial.seen = f"exit code {ended['containers'][0].get('exitCode')}, '{passes[0][2]}'; its event started the next"
    assert trial.lost == 0


def test_passes_that_run_at_the_same_time_load_each_file_once(
    cloud: Cloud, batch: Callable[[str], Batch], trial: Trial, full: bool
) -> None:
    trial.what = "two passes at once in ECS: the schedule's and a person's"
    for number in range(TOGETHER if full else 1):
        files = batch(f"TWO{number}")
        tasks = {scheduled(cloud), cloud.run_worker()}
        assert [cloud.ended(task)["containers"][0]["exitCode"] for task in tasks] == [0, 0]
        loading = [found[0] for found in files.passes()]
        trial.times += 1
        trial.lost += files.wrong() + abs(files.loaded() - FILES)
        trial.seen = f"loaded by {' and '.join(map(str, loading))}; {files.loaded()} entries for {FILES} files"
    assert trial.lost == 0


def scheduled(cloud: Cloud) -> str:
    """The task that the schedule starts now."""
    before = cloud.worker_tasks()
    cloud.rehearsal.fire_schedule()
    wait_until(lambda: cloud.worker_tasks() != before, "the schedule has started a task", 60)
    [task] = cloud.worker_tasks() - before
    return task
