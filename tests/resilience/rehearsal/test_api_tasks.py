"""The API's tasks under load, asked through the public address: a killed task, a killed database."""

from __future__ import annotations

import random
import time

import pytest

from tests.acceptance.client import get
from tests.acceptance.rehearsal.rehearsal import Failure, under_load
from tests.conftest import wait_until
from tests.resilience.rehearsal.cloud import Cloud, docker, kill
from tests.resilience.trials import Trial

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

ASKED = ("/api/weather?per_page=1&station_id=NOBODY{n}", "/health/live")
"""No cache has the answer of the first, and the database is needed for it; the second needs none."""
SOME = 40
"""So many requests are to be answered before something is done to the API, and afterwards."""
TOLD_S = 1.0
"""So long after ECS says that a task has stopped, the load balancer, which ECS tells, may still send requests there."""
STARTED = "{{.State.StartedAt}}"
KILLS, CRASHES = 6, 4
"""How often each is tried at full length; otherwise once."""


def test_a_killed_task_costs_only_the_requests_that_were_at_it_and_is_replaced(
    cloud: Cloud, trial: Trial, chance: random.Random, full: bool
) -> None:
    trial.what = "one of two API tasks killed under load"
    for _ in range(KILLS if full else 1):
        _kill_a_task(cloud, trial, chance)


def _kill_a_task(cloud: Cloud, trial: Trial, chance: random.Random) -> None:
    before = cloud.settled()
    victim = chance.choice(sorted(before))
    with under_load(cloud.rehearsal.url, clients=8, paths=ASKED) as load:
        wait_until(lambda: load.answered > SOME, "requests are answered")
        time.sleep(chance.uniform(0, 1))
        killed = time.monotonic()
        kill(before[victim])
        wait_until(lambda: cloud.task(victim)["lastStatus"] == "STOPPED", "ECS has noticed", 60)
        noticed = time.monotonic()
        after = cloud.settled()
        replaced = time.monotonic()
        answered = load.answered
        wait_until(lambda: load.answered > answered + SOME, "it goes on", 60)
    assert set(before) - {victim} < set(after), "the other task was replaced, too"
    at_it = [each for each in load.failures if each.asked < noticed + TOLD_S and each.failed > killed]
    trial.times += 1
    trial.lost += len(load.failures) - len(at_it)
    trial.seen = (
        f"{len(at_it)} of {load.answered + len(load.failures)} requests were at it; none was sent there after "
        f"{noticed + TOLD_S - killed:.1f} s, two tasks again after {replaced - killed:.1f} s"
    )
    assert trial.lost == 0, load.failed
    assert {each.answer.status for each in at_it if each.answer} <= {502, 503, 504}, load.failed


def test_a_killed_database_is_a_503_and_then_over_and_no_task_is_replaced(
    cloud: Cloud, trial: Trial, chance: random.Random, full: bool
) -> None:
    trial.what = "the database server killed under load; RDS starts it again with its data"
    for _ in range(CRASHES if full else 1):
        _kill_the_database(cloud, trial, chance)


def _kill_the_database(cloud: Cloud, trial: Trial, chance: random.Random) -> None:
    figures = "SELECT count(*), coalesce(sum(tmax), 0) FROM observation"
    before, rows = cloud.settled(), cloud.database.rows(figures)
    [server] = docker("ps", "--quiet", "--filter", f"name=ministack-rds-.*-{cloud.rehearsal.port}$").split()
    with under_load(cloud.rehearsal.url, paths=ASKED) as load:
        wait_until(lambda: load.answered > SOME, "requests are answered")
        time.sleep(chance.uniform(0, 1))
        killed = time.monotonic()
        started = docker("inspect", "--format", STARTED, server)
        kill(server)
        # Where requests hang until the server is back, none may be refused at all.
        wait_until(lambda: docker("inspect", "--format", STARTED, server) != started, "the server is started again", 60)
        wait_until(lambda: _asked_anew(cloud) == 200, "the database is back", 60)
        answered = load.answered
        wait_until(lambda: load.answered > answered + SOME, "it goes on", 60)
    trial.times += 1
    trial.lost += sum(not _is_said_well(failure) for failure in load.failures)
    last = f", the last {load.failures[-1].failed - killed:.1f} s after" if load.failures else ""
    trial.seen = f"{len(load.failures)} answers of 503{last}; /health/live answered; no task was replaced"
    assert trial.lost == 0, load.failed
    assert cloud.database.rows(figures) == rows
    assert cloud.settled() == before, "a task was replaced"


def _asked_anew(cloud: Cloud) -> int:
    """The status of an answer that no cache has."""
    return get(cloud.rehearsal.url + ASKED[0].replace("{n}", f"_{time.monotonic_ns()}")).status


def _is_said_well(failure: Failure) -> bool:
    """Whether it is an answer that says what is wrong and when to come again, to a request that needs the database."""
    answer = failure.answer
    return (
        failure.path.startswith("/api/")
        and answer is not None
        and (answer.status, answer.headers.get_content_type()) == (503, "application/problem+json")
        and int(answer.headers["Retry-After"]) > 0
        and answer.json()["status"] == 503
    )
