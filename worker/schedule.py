"""Runs a pass whenever the schedule says so, one at a time, until it is asked to stop.

The schedule only decides when. Standard cron form and time zones are read in `worker.cron`.
"""

from __future__ import annotations

import datetime
import logging
import threading
import time
from collections.abc import Callable

from apscheduler.events import EVENT_JOB_MAX_INSTANCES, EVENT_JOB_SUBMITTED, JobSubmissionEvent
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.job import Job
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from worker.cron import following, trigger
from worker.stop import StopRequest, end_at_once, stop_on_signals

log = logging.getLogger(__name__)

RunPass = Callable[[str, StopRequest], object]
"""Runs one pass. It is given what started it, `start` or `schedule`, and looks at the request between files."""

STOP_WITHIN_S = 25.0
"""How long a pass has to end when a stop was requested. ECS kills a task after 30 s unless it is told otherwise."""

LOOK_AT_CLOCK_S = 30.0
"""How often the clock is looked at anew. A wait measures time awake; a machine that slept or whose clock was set is not
to be late by that."""

TIMES_REMEMBERED = 1_000
"""So many of the last due times are known, in case the clock shows them again."""


def run_schedule(
    run_pass: RunPass, *, cron: str, timezone: str, run_at_start: bool, stop_within_s: float = STOP_WITHIN_S
) -> int:
    """Run a pass at each time of the schedule until SIGTERM or SIGINT, and one at once if `run_at_start`.

    Passes never overlap: a time that comes while a pass runs is skipped and logged. Times that were missed (the machine
    slept) are made up for by one pass. Where the clock is set back, times that had their pass have no other, and those
    that had none are not waited past. A pass that raises is logged, and the schedule goes on. The first signal lets
    the running pass end, the second ends the process. Call it in the main thread.

    Returns:
        0, the exit status after a clean stop. A pass that has not ended `stop_within_s` seconds after the request is
        cut off: the process ends with status 1.

    Raises:
        ValueError: the schedule or the time zone is malformed.
    """
    return run_trigger(
        run_pass, trigger=trigger(cron, timezone), run_at_start=run_at_start, stop_within_s=stop_within_s
    )


def run_trigger(
    run_pass: RunPass, *, trigger: BaseTrigger, run_at_start: bool, stop_within_s: float = STOP_WITHIN_S
) -> int:
    """As `run_schedule`, at the times of any trigger of APScheduler."""
    # What it says about its jobs is said here in the worker's own words, with fields.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    with stop_on_signals() as stop:
        passes = _Passes(run_pass, trigger, stop, run_at_start=run_at_start)
        scheduler = BackgroundScheduler(timezone=datetime.UTC, executors={"default": ThreadPoolExecutor(1)})
        # The pass at start is the job's first run, and so the limit of one instance holds for it too.
        first = {"next_run_time": _now()} if run_at_start else {}
        scheduler.add_job(
            passes.run, trigger, id="pass", coalesce=True, max_instances=1, misfire_grace_time=None, **first
        )
        scheduler.add_listener(passes.skipped, EVENT_JOB_MAX_INSTANCES)
        scheduler.add_listener(passes.served, EVENT_JOB_SUBMITTED | EVENT_JOB_MAX_INSTANCES)
        passes.log_next("the schedule has started, the next pass is due at", "schedule_started")
        scheduler.start()
        clock = _Clock()
        while not stop.wait(LOOK_AT_CLOCK_S):
            if clock.was_set_back():
                passes.correct_next(scheduler.get_job("pass"))
            scheduler.wakeup()

        closing = threading.Thread(target=scheduler.shutdown, name="shutdown", daemon=True)
        closing.start()
        closing.join(stop_within_s)
        if closing.is_alive():
            log.error(
                "the pass has not ended %.0f s after the stop was requested: ending the process, its transaction is "
                "rolled back",
                stop_within_s,
                extra={"action": "stop_timed_out"},
            )
            end_at_once(1)
        log.info("the schedule has stopped", extra={"action": "schedule_stopped"})
        return 0


class _Passes:
    """Runs the passes in the scheduler's thread and says in the log what happens."""

    def __init__(self, run_pass: RunPass, trigger: BaseTrigger, stop: StopRequest, *, run_at_start: bool) -> None:
        self._run_pass = run_pass
        self._trigger = trigger
        self._stop = stop
        self._next_reason = "start" if run_at_start else "schedule"
        self._served: tuple[datetime.datetime, ...] = ()

    def run(self) -> None:
        """One pass."""
        reason, self._next_reason = self._next_reason, "schedule"
        if self._stop.requested:  # asked for between the time of the pass and its beginning
            return
        log.info("a pass begins", extra={"action": "pass_started", "trigger": reason})
        began = time.monotonic()
        try:
            self._run_pass(reason, self._stop)
        except Exception:
            fields = {"action": "pass_failed", "trigger": reason, "seconds": _since(began)}
            log.exception("the pass failed; the schedule goes on", extra=fields)
        else:
            fields = {"action": "pass_ended", "trigger": reason, "seconds": _since(began)}
            log.info("the pass has ended", extra=fields)
        if not self._stop.requested:
            self.log_next("the next pass is due at", "pass_scheduled")

    def skipped(self, event: JobSubmissionEvent) -> None:
        """Log that a time came while a pass was running."""
        due = event.scheduled_run_times[-1].isoformat()
        log.warning(
            "a pass was due at %s and is skipped: the one before is still running",
            due,
            extra={"action": "pass_skipped", "due": due},
        )

    def served(self, event: JobSubmissionEvent) -> None:
        """Remember the times that have had their pass, or have been skipped."""
        self._served = (*self._served[-TIMES_REMEMBERED:], *event.scheduled_run_times)

    def correct_next(self, job: Job | None) -> None:
        """After the clock was set back: the next pass is at the first time to come that has not had one.

        APScheduler only ever goes forward: once a clock had been years ahead, it would wait for years.
        """
        due = following(self._trigger, _now())
        while due in self._served:
            assert due is not None
            due = following(self._trigger, due + datetime.timedelta(microseconds=1))
        if job and due and due < job.next_run_time:
            job.modify(next_run_time=due)
        next_run = due.isoformat(timespec="seconds") if due else None
        log.warning(
            "the clock was set back, the next pass is due at %s",
            next_run,
            extra={"action": "clock_set_back", "next_run": next_run},
        )

    def log_next(self, message: str, action: str) -> None:
        """Log when the next pass is due."""
        # Asked of the trigger: the scheduler's own answer needs a lock that it holds while it waits for a pass to end.
        due = _now() if self._next_reason == "start" else following(self._trigger, _now())
        next_run = due.isoformat(timespec="seconds") if due else None
        log.info("%s %s", message, next_run or "none", extra={"action": action, "next_run": next_run})


class _Clock:
    """Notices when the machine's clock is set back, other than by the small steps that keep it right."""

    def __init__(self) -> None:
        self._lead = self._measured()

    def was_set_back(self) -> bool:
        """Whether it was, since the last call."""
        before, self._lead = self._lead, self._measured()
        return before - self._lead > 1.0

    def _measured(self) -> float:
        # How far it is ahead of the clock that nobody can set.
        return _now().timestamp() - time.monotonic()


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)
