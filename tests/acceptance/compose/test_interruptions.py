"""What users see when parts of the stack stop, restart or are killed in the middle of their work."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.client import NO_ANSWER, Answer, get
from tests.acceptance.compose.stack import Stack, run
from tests.acceptance.figures import STATION_DAYS, STATION_YEARS, total_items
from tests.conftest import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]


@contextmanager
def requests(url: str, **query: object) -> Iterator[list[Answer | Exception]]:
    """Ask again and again from four threads while the block runs; gives what came back, in order."""
    answers: list[Answer | Exception] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                answers.append(get(url, **query))
            except NO_ANSWER as error:
                answers.append(error)
            time.sleep(0.01)

    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(ask) for _ in range(4)]
        try:
            yield answers
        finally:
            stop.set()
    for one in asked:
        one.result()


def test_a_restart_of_the_database_is_a_503_and_then_over(loaded: Stack) -> None:
    before = loaded.inspect("api")["State"]["StartedAt"]
    with requests(f"{loaded.base_url}/api/weather", per_page=10, start_date="1990-01-01") as answers:
        wait_until(lambda: len(answers) > 20, "requests are answered")
        loaded.compose("restart", "db")
        asked = len(answers)
        wait_until(lambda: any(isinstance(one, Answer) and one.status == 200 for one in answers[asked:]), "it is over")
    assert {one.status if isinstance(one, Answer) else repr(one) for one in answers} == {200, 503}
    for one in answers:
        if isinstance(one, Answer) and one.status == 503:
            assert one.headers.get_content_type() == "application/problem+json"
            assert int(one.headers["Retry-After"]) > 0
            assert one.json()["status"] == 503
    assert loaded.inspect("api")["State"]["StartedAt"] == before


def test_a_worker_killed_in_the_middle_of_a_load_leaves_nothing_to_repair(
    new_stack: Callable[..., Stack], wx_data: Path
) -> None:
    stack = new_stack()
    stack.up("api", "s3")
    stack.upload(wx_data)
    stack.compose("up", "--detach", "worker")
    wait_until(lambda: total_items(stack.base_url, "/api/weather") > 0, "the load has begun")
    run("docker", "kill", stack.container("worker"))
    sessions = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'windsock_worker'"
    # At once; unless the container's network went before the connection's end was sent, which takes keepalives 45 s.
    wait_until(lambda: stack.sql(sessions) == "0", "PostgreSQL has noticed that it is gone", seconds=90)
    loaded = int(stack.sql("SELECT count(*) FROM observation"))
    assert 0 < loaded < STATION_DAYS, "it was not in the middle of the load"
    # Whole files, each with its row of the ledger, and their statistics.
    assert int(stack.sql("SELECT sum(rows_inserted) FROM source_file WHERE status = 'loaded'")) == loaded
    assert int(stack.sql("SELECT sum(days) FROM yearly_statistics")) == loaded

    stack.up()
    wait_until(lambda: stack.passes()[0]["status"] == "succeeded", "the next pass has ended", seconds=120)
    assert stack.sql("SELECT count(*) FROM observation") == str(STATION_DAYS)
    assert stack.sql("SELECT count(*), sum(days) FROM yearly_statistics") == f"{STATION_YEARS}|{STATION_DAYS}"
    assert {one["status"] for one in stack.passes()[1:]} == {"interrupted"}


def test_a_stop_of_the_api_breaks_no_request(loaded: Stack) -> None:
    # Asked from inside: Docker's proxy in front of the published port takes connections that the API never sees.
    program = Path(__file__).with_name("asking.py").read_text()
    inside = ("run", "--rm", "--no-TTY", "--no-deps", "--entrypoint", "python", "worker", "-c", program)
    served = loaded.served("/api/weather")
    with ThreadPoolExecutor(4) as threads:
        asking = threads.submit(loaded.compose, *inside)
        wait_until(lambda: loaded.served("/api/weather") > served + 100, "requests are answered")
        # In flight for seconds: all rows of all stations.
        downloads = [threads.submit(get, f"{loaded.base_url}/api/weather", 120, format="csv") for _ in range(2)]
        wait_until(lambda: all(one.running() for one in downloads), "the downloads have begun")
        time.sleep(0.5)
        assert not any(one.done() for one in downloads), "the downloads were over before the stop"
        run("docker", "stop", "--time", "30", loaded.container("api"))
        whole = [one.result() for one in downloads]
        asked = json.loads(asking.result().stdout.splitlines()[-1])
    exit_code = loaded.inspect("api")["State"]["ExitCode"]
    loaded.up()
    assert loaded.get("/health/ready").status == 200
    assert exit_code == 0
    assert [(one.status, one.body.count(b"\n")) for one in whole] == [(200, STATION_DAYS + 1)] * 2
    assert asked["answered"] > 100
    assert asked["statuses"] == [200]
    assert asked["broken"] == []
