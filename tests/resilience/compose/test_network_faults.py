"""The network between the containers, cut for ten seconds in the middle of a load."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.compose.stack import Stack, run
from tests.acceptance.figures import STATION_DAYS, STATIONS
from tests.conftest import Cluster, new_database, wait_until
from tests.integration.ingesting import ingest
from tests.resilience.loads import Load, Query, asking, tables
from tests.resilience.trials import Trial

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

CUT_S = 10


@pytest.fixture(scope="module")
def load(cluster: Cluster, migrated: str, wx_data: Path) -> Load:
    """What the real files come to when nobody disturbs their load."""
    with new_database(cluster, migrated) as database:
        began = time.monotonic()
        assert ingest(database, wx_data).rows_inserted == STATION_DAYS
        return Load(wx_data, tables(asking(database)), STATIONS, time.monotonic() - began)


@pytest.mark.parametrize("service", ["db", "s3", pytest.param("worker", marks=pytest.mark.full)])
def test_a_cut_network_costs_time_and_nothing_else(
    new_stack: Callable[..., Stack], load: Load, wx_data: Path, trial: Trial, service: str
) -> None:
    trial.what = f"network between worker and {service} cut for {CUT_S} s during a load"
    if service == "worker":
        trial.what = "machine of the worker gone during a load, without a word to PostgreSQL"
    stack = new_stack(WINDSOCK_SCHEDULE="* * * * *")
    stack.up("api", "s3")
    stack.upload(wx_data)
    stack.compose("up", "--detach", "worker")
    wait_until(lambda: stack.sql("SELECT count(*) FROM source_file") != "0", "the load has begun", seconds=60)
    _cut(stack, service)
    back = time.monotonic()
    loaded = int(stack.sql("SELECT count(*) FROM observation"))
    trial.times = 1
    trial.seen = f"{loaded:,} rows then"
    assert loaded < STATION_DAYS, "it was not in the middle of the load"

    def at_peace() -> bool:
        running = stack.sql("SELECT count(*) FROM ingestion WHERE status = 'running'")
        return (stack.sql("SELECT count(*) FROM observation"), running) == (str(STATION_DAYS), "0")

    wait_until(at_peace, "all is loaded and no pass says that it runs", seconds=300)
    trial.seen += f", all after {time.monotonic() - back:.0f} s"
    load.check(_asking(stack), trial)
    passes = stack.sql("SELECT status, error IS NULL FROM ingestion ORDER BY id").splitlines()
    # Either the pass outlived the cut, or the ledger says why it did not.
    assert passes[-1] == "succeeded|t"
    assert set(passes) <= {"succeeded|t", "interrupted|f", "failed|t", "failed|f"}
    assert stack.sql("SELECT count(*) FROM source_file WHERE status <> 'loaded' AND error IS NULL") == "0"


def _cut(stack: Stack, service: str) -> None:
    """Take a service's container off the network for a while; its name is known there again afterwards.

    The worker dies meanwhile: PostgreSQL is left with sessions whose other end is gone, and with their locks.
    """
    network, container = f"{stack.project}_inside", stack.container(service)
    run("docker", "network", "disconnect", network, container)
    if service == "worker":
        run("docker", "kill", container)
    time.sleep(CUT_S)  # the cut itself
    run("docker", "network", "connect", "--alias", service, network, container)
    run("docker", "start", container)


def _asking(stack: Stack) -> Query:
    return lambda statement: tuple(stack.sql(statement).split("|"))
