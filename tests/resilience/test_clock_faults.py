"""The clock of the machine jumps over 06:00, the time of the schedule: the real scheduler in a process of its own."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.integration.scheduling import Schedule, start
from tests.resilience.trials import Trial

__all__ = ["start"]

SetClock = Callable[[str], None]


@pytest.fixture
def set_clock(tmp_path: Path) -> SetClock:
    """Sets the clock that the schedule reads."""

    def setter(moment: str) -> None:
        wanted = datetime.datetime.fromisoformat(moment).replace(tzinfo=datetime.UTC)
        lead = (wanted - datetime.datetime.now(datetime.UTC)).total_seconds()
        (tmp_path / "clock.new").write_text(str(lead))
        (tmp_path / "clock.new").replace(tmp_path / "clock")

    return setter


def passes(schedule: Schedule) -> int:
    """How many have begun."""
    return sum(name.startswith("began-") for name in schedule.names())


def wait_for_passes(schedule: Schedule, count: int) -> None:
    """Wait until so many have begun, and for a moment more, in which another one would be seen."""
    wait_until(lambda: passes(schedule) >= count, f"pass {count} has begun")
    time.sleep(1)  # ten looks at the clock
    assert passes(schedule) == count


def started(start: Any, set_clock: SetClock, moment: str) -> Schedule:
    """A schedule that began when the clock showed this."""
    set_clock(moment)
    schedule: Schedule = start("clock")
    schedule.wait_for_action("schedule_started")
    return schedule


def put_back(schedule: Schedule, set_clock: SetClock, moment: str) -> None:
    """Set the clock back, and wait until that has been noticed."""
    before = schedule.actions().count("clock_set_back")
    set_clock(moment)
    wait_until(lambda: schedule.actions().count("clock_set_back") > before, "the schedule has noticed it")


def end(schedule: Schedule, trial: Trial, due: int) -> None:
    """Stop the schedule; it has had as many passes as times were due."""
    assert schedule.end() == 0
    trial.lost = due - passes(schedule)
    assert passes(schedule) == due
    trial.times = 1
    trial.seen = f"{due} due, {passes(schedule)} passes"


def test_a_clock_that_jumps_forward_over_a_due_time_has_its_pass(start: Any, set_clock: SetClock, trial: Trial) -> None:
    trial.what = "clock set forward over 06:00, by an hour"
    schedule = started(start, set_clock, "2026-03-01T05:30:00")
    set_clock("2026-03-01T06:30:00")
    wait_for_passes(schedule, 1)
    set_clock("2026-03-02T05:59:59")  # and the next day is as ever
    wait_for_passes(schedule, 2)
    end(schedule, trial, due=2)


def test_a_clock_that_jumps_back_over_a_due_time_does_not_repeat_its_pass(
    start: Any,
    set_clock: SetClock,
    trial: Trial,
) -> None:
    trial.what = "clock set back over 06:00, by ten minutes, twice"
    schedule = started(start, set_clock, "2026-03-01T05:50:00")
    set_clock("2026-03-01T05:59:59")
    wait_for_passes(schedule, 1)
    for _ in range(2):
        put_back(schedule, set_clock, "2026-03-01T05:50:00")
        set_clock("2026-03-01T06:00:01")
        wait_for_passes(schedule, 1)
    set_clock("2026-03-02T05:59:59")
    wait_for_passes(schedule, 2)
    end(schedule, trial, due=2)


def test_times_that_a_sleeping_machine_missed_are_made_up_for_by_one_pass(
    start: Any,
    set_clock: SetClock,
    trial: Trial,
) -> None:
    trial.what = "machine suspended for ten days"
    schedule = started(start, set_clock, "2026-03-01T12:00:00")
    set_clock("2026-03-11T12:00:00")
    wait_for_passes(schedule, 1)
    set_clock("2026-03-12T05:59:59")
    wait_for_passes(schedule, 2)
    end(schedule, trial, due=2)


def test_a_clock_that_was_years_ahead_costs_no_pass_once_it_is_right(
    start: Any,
    set_clock: SetClock,
    trial: Trial,
) -> None:
    trial.what = "clock two years ahead at the start, then set right"
    schedule = started(start, set_clock, "2028-03-01T05:50:00")
    set_clock("2028-03-01T05:59:59")
    wait_for_passes(schedule, 1)
    put_back(schedule, set_clock, "2026-03-01T05:59:00")
    set_clock("2026-03-01T05:59:59")
    wait_for_passes(schedule, 2)
    end(schedule, trial, due=2)


def test_a_due_time_that_had_no_pass_has_it_when_the_clock_is_set_back_before_it(
    start: Any,
    set_clock: SetClock,
    trial: Trial,
) -> None:
    trial.what = "clock an hour ahead at the start, then set back before 06:00"
    schedule = started(start, set_clock, "2026-03-01T06:30:00")
    put_back(schedule, set_clock, "2026-03-01T05:30:00")
    set_clock("2026-03-01T05:59:59")
    wait_for_passes(schedule, 1)
    end(schedule, trial, due=1)
