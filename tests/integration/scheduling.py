"""The schedule as a process of its own, with passes that only leave a mark."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PROJECT, wait_until

PROGRAM = """
import datetime, sys, time
from pathlib import Path
import apscheduler.schedulers.base
from apscheduler.triggers.cron import CronTrigger
from runtime import logs
from worker import schedule

logs.configure("INFO", "json")
folder, behaviour, at_start, stop_within = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "True", float(sys.argv[4])
count = 0

def run_pass(reason, stop):
    global count
    count += 1
    number = count
    (folder / f"began-{number}-{reason}").touch()
    if behaviour == "raises":
        raise RuntimeError("the source is gone")
    if behaviour == "waits":
        stop.wait(60)
    if behaviour == "waits once" and number == 1:
        while not (folder / "go on").exists():
            time.sleep(0.05)
    if behaviour == "never looks":
        time.sleep(600)
    (folder / f"ended-{number}-{stop.requested}").touch()

if behaviour == "clock":
    # The clock of the machine is not a test's to set: only the schedule's reading of it is moved, by so many seconds.
    class Clock(datetime.datetime):
        @classmethod
        def now(cls, zone):
            return datetime.datetime.now(zone) + datetime.timedelta(seconds=float((folder / "clock").read_text()))

    apscheduler.schedulers.base.datetime = Clock
    schedule._now = lambda: Clock.now(datetime.UTC)
    schedule.LOOK_AT_CLOCK_S = 0.1
    sys.exit(schedule.run_schedule(run_pass, cron="0 6 * * *", timezone="UTC", run_at_start=at_start))
second = CronTrigger(second="*", timezone="UTC")
if behaviour == "cron":
    sys.exit(schedule.run_schedule(run_pass, cron="0 0 1 1 *", timezone="UTC", run_at_start=at_start))
sys.exit(schedule.run_trigger(run_pass, trigger=second, run_at_start=at_start, stop_within_s=stop_within))
"""


class Schedule:
    """A running schedule, what its passes left behind, and its log."""

    def __init__(self, folder: Path, behaviour: str, *, at_start: bool, stop_within: float) -> None:
        self.folder = folder
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, folder, behaviour, str(at_start), str(stop_within)],
                cwd=PROJECT,
                stderr=log,
            )

    def names(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def actions(self) -> list[str]:
        return [line["action"] for line in self.lines()]

    def wait_for(self, name: str) -> None:
        wait_until(lambda: name in self.names(), f"{name} in {self.folder}")

    def wait_for_action(self, action: str) -> None:
        wait_until(lambda: action in self.actions(), f"{action} in {self._log}")

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    with contextlib.ExitStack() as stack:

        def starter(behaviour: str, *, at_start: bool = False, stop_within: float = 30) -> Schedule:
            started = Schedule(tmp_path, behaviour, at_start=at_start, stop_within=stop_within)
            stack.callback(started.process.wait)
            stack.callback(started.process.kill)
            return started

        yield starter
