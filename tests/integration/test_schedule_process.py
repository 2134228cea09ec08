"""The schedule as a process of its own: passes at their times, real signals, exit statuses."""

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

if behaviour == "clock jumps":
    # The clock of the machine is not a test's to set: only the scheduler's reading of it is moved, by two years.
    class Clock(datetime.datetime):
        @classmethod
        def now(cls, zone):
            return datetime.datetime.now(zone) + datetime.timedelta(days=730 * (folder / "jump").exists())

    apscheduler.schedulers.base.datetime = Clock
    schedule.LOOK_AT_CLOCK_S = 0.1
second = CronTrigger(second="*", timezone="UTC")
if behaviour in ("cron", "clock jumps"):
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


def test_passes_come_at_their_times(start: Any) -> None:
    schedule = start("returns")
    schedule.wait_for("ended-2-False")
    assert "began-1-schedule" in schedule.names()
    assert schedule.end() == 0
    first, *_ = schedule.lines()
    assert first["action"] == "schedule_started"
    assert first["next_run"].endswith("+00:00")
    assert {"pass_started", "pass_ended", "pass_scheduled"} <= set(schedule.actions())
    assert schedule.actions()[-1] == "schedule_stopped"


def test_the_first_pass_may_be_at_once(start: Any) -> None:
    schedule = start("cron", at_start=True)
    schedule.wait_for("ended-1-False")
    schedule.wait_for_action("pass_scheduled")
    assert schedule.end() == 0
    scheduled = [line for line in schedule.lines() if line["action"] == "pass_scheduled"]
    assert [line["next_run"][4:] for line in scheduled] == ["-01-01T00:00:00+00:00"]
    assert schedule.names() == {"log", "began-1-start", "ended-1-False"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_between_passes(start: Any, number: int) -> None:
    schedule = start("cron")
    schedule.wait_for_action("schedule_started")
    assert schedule.end(number) == 0
    assert schedule.names() == {"log"}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_in_the_middle_of_a_pass_lets_it_end(start: Any, number: int) -> None:
    schedule = start("waits", at_start=True)
    schedule.wait_for("began-1-start")
    assert schedule.end(number) == 0
    assert "ended-1-True" in schedule.names()
    assert "began-2-schedule" not in schedule.names()
    actions = [action for action in schedule.actions() if action != "pass_skipped"]
    assert actions[-3:] == ["stop_requested", "pass_ended", "schedule_stopped"]


def test_a_second_signal_ends_at_once(start: Any) -> None:
    schedule = start("never looks", at_start=True)
    schedule.wait_for("began-1-start")
    schedule.process.send_signal(signal.SIGTERM)
    schedule.wait_for_action("stop_requested")
    assert schedule.end() == 128 + signal.SIGTERM
    assert schedule.actions()[-1] == "stop_at_once"


def test_a_pass_that_does_not_stop_in_time_is_cut_off(start: Any) -> None:
    schedule = start("never looks", at_start=True, stop_within=0.2)
    schedule.wait_for("began-1-start")
    assert schedule.end() == 1
    assert schedule.actions()[-1] == "stop_timed_out"


def test_a_pass_that_raises_is_logged_and_the_schedule_goes_on(start: Any) -> None:
    schedule = start("raises", at_start=True)
    schedule.wait_for("began-3-schedule")
    assert schedule.end() == 0
    failed = [line for line in schedule.lines() if line["action"] == "pass_failed"]
    assert [line["trigger"] for line in failed[:2]] == ["start", "schedule"]
    assert all("RuntimeError: the source is gone" in line["exc_info"] for line in failed)


def test_a_time_that_comes_while_a_pass_runs_is_skipped(start: Any) -> None:
    schedule = start("waits once", at_start=True)
    schedule.wait_for_action("pass_skipped")
    assert "began-2-schedule" not in schedule.names()
    (schedule.folder / "go on").touch()
    schedule.wait_for("ended-2-False")
    assert schedule.end() == 0
    skipped = next(line for line in schedule.lines() if line["action"] == "pass_skipped")
    assert skipped["level"] == "WARNING"
    assert skipped["due"] in skipped["message"]


def test_times_that_a_sleeping_machine_missed_are_made_up_for_by_one_pass(start: Any) -> None:
    schedule = start("clock jumps")
    schedule.wait_for_action("schedule_started")
    (schedule.folder / "jump").touch()
    schedule.wait_for_action("pass_scheduled")
    assert schedule.end() == 0
    assert schedule.actions().count("pass_started") == 1
    assert schedule.names() == {"log", "jump", "began-1-schedule", "ended-1-False"}
