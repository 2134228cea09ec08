"""The API with a replica to read from, a real one that follows its primary, while that replica is gone under load."""

from __future__ import annotations

import time
from pathlib import Path

import psycopg

from database import roles
from tests.conftest import Cluster, Database, wait_until
from tests.integration.api.conftest import Served, record_pass, serving_api
from tests.resilience.serving import PAGES, own_server
from tests.resilience.traffic import Traffic
from tests.resilience.trials import Trial

LEFT, RETURNED = "the replica does not answer: reading from the primary", "the replica answers again: reading from it"


def environment(database: Database, replica: Cluster) -> dict[str, str]:
    """The API's variables: the primary's address, and the replica's."""
    return {
        **database.environment(roles.API),
        "WINDSOCK_DATABASE_REPLICA_URL": replica.url(roles.API, database.name),
    }


def reads_from(served: Served) -> str:
    """Which server the API says that it reads from."""
    status, said = served.get("/health/ready")
    assert status == 200
    return str(said["reads_from"])


def connections(cluster: Cluster) -> int:
    """How many connections for pages the API has there."""
    with cluster.superuser() as connection:
        counted = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'windsock-api'")
        return int(str(counted.fetchone()[0]))  # type: ignore[index]


def newest_pass(served: Served) -> int:
    """The number of the newest pass that the API knows."""
    return int(served.get("/api/ingestions?per_page=1")[1]["data"][0]["id"])


def new_pass(database: Database) -> int:
    """What the worker writes after a pass."""
    with psycopg.connect(database.url(roles.WORKER)) as connection:
        return record_pass(connection, [("a.txt", "loaded", 1, 0)])


def test_a_replica_that_is_gone_is_stood_in_for_by_the_primary(trial: Trial, full: bool, tmp_path: Path) -> None:
    trial.what, times = "the replica killed under load, and started again", 10 if full else 2
    log = tmp_path / "log"
    with own_server() as (primary, database):
        replica = primary.replica()
        with serving_api(environment(database, replica.cluster), log) as served:
            with Traffic(served.port, PAGES, clients=16, rate=100) as traffic:
                time.sleep(1)
                assert reads_from(served) == "replica"
                assert connections(replica.cluster) > 0
                assert connections(primary.cluster) == 0
                for time_ in range(1, times + 1):
                    replica.kill()
                    wait_until(lambda n=time_: log.read_text().count(LEFT) == 2 * n, "both processes have left it")  # type: ignore[misc]
                    assert reads_from(served) == "primary"
                    written = new_pass(database)
                    wait_until(lambda n=written: newest_pass(served) == n, "the primary answers")  # type: ignore[misc]
                    replica.start()
                    wait_until(lambda n=time_: log.read_text().count(RETURNED) == 2 * n, "both have returned")  # type: ignore[misc]
                    assert reads_from(served) == "replica"
                    assert newest_pass(served) == written
                    time.sleep(0.5)
                    trial.times += 1
            trial.lost = len([answer for answer in traffic.answers if answer.status != 200])
            trial.seen = f"{len(traffic.answers)} requests, all answered with 200"
            assert set(traffic.statuses()) == {200}


def test_a_replica_is_not_returned_to_before_it_has_caught_up(trial: Trial, tmp_path: Path) -> None:
    trial.what, trial.times = "an API started without its replica, which then comes back behind", 1
    log = tmp_path / "log"
    with own_server() as (primary, database):
        replica = primary.replica()
        replica.kill()
        # One process: another would leave the replica when it is first asked something itself.
        alone = {"WINDSOCK_API_WORKERS": "1"}
        with serving_api(environment(database, replica.cluster) | alone, log) as served:
            assert reads_from(served) == "primary"
            written = new_pass(database)
            with (replica.cluster.folder / "postgresql.auto.conf").open("a") as settings:
                settings.write("recovery_min_apply_delay = '1h'\n")
            replica.start()
            time.sleep(3)
            assert RETURNED not in log.read_text()
            assert (reads_from(served), newest_pass(served)) == ("primary", written)
            with replica.cluster.superuser() as connection:
                connection.execute("ALTER SYSTEM RESET recovery_min_apply_delay")
                connection.execute("SELECT pg_reload_conf()")
            wait_until(lambda: reads_from(served) == "replica", "it has caught up")
            trial.lost = written - newest_pass(served)
            assert newest_pass(served) == written
            primary.kill()
            wait_until(lambda: served.get("/api/weather")[0] == 200, "the replica needs no primary")
            assert reads_from(served) == "replica"
            trial.seen = "read from when it had all; and then without a primary"
