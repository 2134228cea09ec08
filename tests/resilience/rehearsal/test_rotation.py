"""Passwords that Secrets Manager changes while everything runs."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import psycopg
import pytest

from database import roles
from tests.acceptance.rehearsal.rehearsal import under_load
from tests.conftest import wait_until
from tests.resilience.rehearsal.batch import FILES, Batch
from tests.resilience.rehearsal.cloud import Cloud
from tests.resilience.trials import Trial

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

PAGES = ("/api/weather?per_page=1&station_id=NOBODY{n}",)
PROBES = ("/health/ready",)
"""Asked by one client: of many probes at once, all but one may be told to come again."""
SOME = 60
"""So many requests are to be answered before the rotation, and afterwards."""
ROTATIONS = 5
"""How often each is tried at full length; otherwise once."""


def refuses(cloud: Cloud, role: str, password: str) -> bool:
    """Whether the server lets a role in no more with a password that it had."""
    login = cloud.secret(role)
    try:
        psycopg.connect(
            host=login["host"], dbname=login["dbname"], user=role, password=password, sslmode="require"
        ).close()
    except psycopg.OperationalError as error:
        return "password authentication failed" in str(error)
    return False


def test_a_rotated_password_of_the_api_costs_no_request_and_no_restart(
    cloud: Cloud, trial: Trial, chance: random.Random, full: bool
) -> None:
    trial.what = "the API's password rotated under load, then every connection ended"
    for _ in range(ROTATIONS if full else 1):
        _rotate_under_load(cloud, trial, chance)


def _rotate_under_load(cloud: Cloud, trial: Trial, chance: random.Random) -> None:
    before, old = cloud.settled(), cloud.secret(roles.API)["password"]
    with (
        under_load(cloud.rehearsal.url, clients=8, paths=PAGES) as load,
        under_load(cloud.rehearsal.url, clients=1, paths=PROBES) as probes,
    ):
        wait_until(lambda: load.answered > SOME, "requests are answered")
        time.sleep(chance.uniform(0, 1))
        cloud.rotate(roles.API)
        # Connections that are open go on: only a new one shows that the API has the new password.
        [(ended,)] = cloud.database.rows(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = %s", roles.API
        )
        answered = load.answered
        wait_until(lambda: load.answered > answered + SOME, "it goes on", 60)
    assert ended, "the API had no connection"
    assert refuses(cloud, roles.API, old)
    trial.times += 1
    trial.lost += len(load.failures) + len(probes.failures)
    requests = load.answered + probes.answered
    trial.seen = f"{requests} requests answered, {ended} connections ended; the same {len(before)} containers"
    assert load.failed == []
    assert probes.answered
    assert probes.failed == []
    assert cloud.settled() == before


def test_a_load_that_starts_after_a_rotation_has_the_new_password(
    cloud: Cloud, batch: Callable[[str], Batch], trial: Trial, full: bool
) -> None:
    trial.what = "the worker's password rotated right before a load"
    for number in range(ROTATIONS if full else 1):
        old = cloud.secret(roles.WORKER)["password"]
        files = batch(f"ROT{number}")
        cloud.rotate(roles.WORKER)
        ended = cloud.ended(cloud.run_worker())
        assert ended["containers"][0]["exitCode"] == 0
        assert files.loaded() == FILES
        assert refuses(cloud, roles.WORKER, old)
        trial.times += 1
        trial.lost += files.wrong()
        trial.seen = f"{FILES} files loaded"
    assert trial.lost == 0
