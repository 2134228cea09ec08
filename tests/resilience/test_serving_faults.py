"""The API as gunicorn serves it, while its database and its processes fail under load."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import psycopg

from database import roles
from tests.conftest import Database, wait_until
from tests.integration.api.conftest import serving_api
from tests.resilience.serving import PAGES, broken, everything, health_checks, own_server, process_ids
from tests.resilience.traffic import REFUSED, Traffic
from tests.resilience.trials import Trial

RECOVERS_WITHIN_S = 2


def test_without_a_database_every_answer_is_a_503_and_soon_after_none(trial: Trial, full: bool, tmp_path: Path) -> None:
    away_s, times = (30, 3) if full else (3, 1)
    trial.what, recovered_ms = f"PostgreSQL gone for {away_s} s under load", list[float]()
    with own_server() as (server, database), serving_api(database.environment(roles.API), tmp_path / "log") as served:
        processes, refused = process_ids(served), 0
        with Traffic(served.port, PAGES, clients=16, rate=100) as traffic:
            for _ in range(times):
                time.sleep(1)
                assert traffic.answers[-1].status == 200
                server.kill()
                gone = time.monotonic()
                assert served.get("/health/live")[0] == 200
                assert served.get("/health/ready")[0] == 503
                time.sleep(away_s)
                back = time.monotonic()
                returned = server.start()
                time.sleep(RECOVERS_WITHIN_S + 1)
                meanwhile = traffic.since(gone, back)
                refused += len(meanwhile)
                assert {answer.status for answer in meanwhile} == {503}
                afterwards = traffic.since(returned + RECOVERS_WITHIN_S)
                assert {answer.status for answer in afterwards} == {200}
                last = max((answer.sent for answer in traffic.since(returned) if answer.status == 503), default=0)
                recovered_ms.append(max(0, 1000 * (last - returned)))
                trial.times += 1
        trial.lost = traffic.wrong().total()
        assert not traffic.wrong()
        assert process_ids(served) == processes
        assert served.get("/health/ready")[0] == 200
    trial.seen = f"{refused} requests got a 503, the last one {max(recovered_ms):.0f} ms after the return"


def test_a_slow_database_starves_no_health_check(trial: Trial, full: bool, weather: Database, tmp_path: Path) -> None:
    # No more clients than a process refuses within the minute that each of them waits, about 88: five connections end a
    # query in ten seconds each, and seven requests give up the wait for a connection in five.
    slow_s, clients, limit_ms = (60, 60, 10_000) if full else (6, 60, 1000)
    trial.what, trial.times = f"all rows locked for {slow_s} s, {clients} clients for one process", clients
    environment = weather.environment(roles.API) | {
        "WINDSOCK_API_WORKERS": "1",
        "WINDSOCK_API_STATEMENT_TIMEOUT_MS": str(limit_ms),
    }
    with (
        serving_api(environment, tmp_path / "log") as served,
        health_checks(served, ["/health/live", "/health/ready"]) as checks,
        Traffic(served.port, PAGES[:2], clients) as traffic,
    ):
        with psycopg.connect(weather.url(roles.OWNER)) as connection:
            connection.execute("LOCK TABLE observation")
            time.sleep(slow_s)
        unlocked = time.monotonic()
        wait_until(lambda: any(answer.status == 200 for answer in traffic.since(unlocked)), "pages are answered again")
    trial.lost = len(checks.bad) + traffic.wrong().total()
    statuses = traffic.statuses()
    trial.seen = f"{statuses[503]} pages got a 503; {checks.good} health checks, {checks.slowest_s:.2f} s at most"
    assert not checks.bad
    assert checks.good > slow_s
    assert not traffic.wrong()
    assert statuses[503] > 0
    assert "The database took too long" in (tmp_path / "log").read_text()


def test_sigterm_breaks_no_answer(
    trial: Trial, full: bool, weather: Database, chance: random.Random, tmp_path: Path
) -> None:
    trial.what, times, statuses = "SIGTERM under load", 25 if full else 3, Counter[int]()
    for _ in range(times):
        with serving_api(weather.environment(roles.API), tmp_path / "log") as served:
            requests = everything(served)
            with Traffic(served.port, requests, clients=16) as traffic:
                time.sleep(0.3 + chance.random())
                served.process.send_signal(signal.SIGTERM)
                assert served.process.wait(40) == 0
        trial.times += 1
        trial.lost += sum(broken(traffic).values())
        statuses += traffic.statuses()
        assert not broken(traffic)
        assert traffic.wrong()[REFUSED], "the load went on until nobody was there"
        assert not traffic.statuses()[503]
    trial.seen = f"{statuses.total() - statuses[0]} answers"


def test_a_killed_process_loses_just_what_it_was_answering(
    trial: Trial, full: bool, weather: Database, chance: random.Random, tmp_path: Path
) -> None:
    trial.what, times = "a gunicorn worker killed under load (SIGKILL)", 25 if full else 3
    clients, in_flight = 16, 0
    with (
        serving_api(weather.environment(roles.API), tmp_path / "log") as served,
        Traffic(served.port, everything(served), clients) as traffic,
    ):
        for _ in range(times):
            time.sleep(0.3 + chance.random())
            before, counted = process_ids(served), len(traffic.answers)
            killed = sorted(before)[chance.randrange(2)]
            began = time.monotonic()
            os.kill(killed, signal.SIGKILL)
            wait_until(lambda known=before: len(process_ids(served) - known) == 1, "it is replaced")
            time.sleep(0.5)
            lost = [answer for answer in traffic.answers[counted:] if answer.wrong]
            in_flight += len(lost)
            # A connection's client learns of its end with the one request that it had, or just sends.
            trial.lost += len([answer for answer in lost if answer.sent > began + 0.2])
            # Each client with what it had sent, and once more with a connection that waited for the killed process.
            assert len(lost) <= 2 * clients
            assert not trial.lost, lost
            trial.times += 1
        assert len(process_ids(served)) == 2
    trial.seen = f"{in_flight} requests in flight ended with it, of {len(traffic.answers)}"
    assert not traffic.statuses()[503]
