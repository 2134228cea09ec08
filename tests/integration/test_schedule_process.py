"""The schedule as a process of its own: passes at their times, real signals, exit statuses."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.integration.scheduling import start

__all__ = ["start"]


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
