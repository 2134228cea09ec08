"""S3 that refuses, breaks off, resets, dawdles, or changes an object after it has been listed."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.retries import standard

from tests.bucket import SOURCE, bucket, put
from tests.conftest import Cluster, Database, new_database
from tests.integration.ingesting import a_year, ingest, ledger, observations, station_lines
from tests.resilience.faulty_s3 import Exchange, Fault, Proxy, after, endless, refusal, reset, truncated
from tests.resilience.loads import LOADED, Load, asking, tables
from tests.resilience.trials import Trial
from worker.ingest import CannotRunError
from worker.sources import s3

__all__ = ["bucket"]

FILES = 6
OBJECT = "/wx/USC00000003.txt"
REFUSED = "S3 answered An error occurred "

FAULTS: dict[str, tuple[Callable[[Exchange], None], str]] = {
    "answers 500": (refusal(500, "InternalError"), REFUSED + "(InternalError)"),
    "answers 503 SlowDown": (refusal(503, "SlowDown"), REFUSED + "(SlowDown)"),
    "truncates the body": (truncated, "S3 broke off 6 times"),
    "resets the connection": (reset, "S3 broke off 6 times"),
    "sends a byte now and then": (endless, "S3 broke off 6 times, at last: only "),
}


@pytest.fixture
def content() -> list[str]:
    """The texts of the objects."""
    return [station_lines(day for year in range(1985, 1990) for day in a_year(year, one)) for one in range(FILES)]


@pytest.fixture
def proxy(bucket: Any, content: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """What stands in front of the filled bucket, and does nothing to it yet."""
    for number, text in enumerate(content):
        put(bucket, f"wx/USC0000000{number}.txt", text)
    # How long botocore waits between its tries is its own business.
    monkeypatch.setattr(standard.ExponentialBackoff, "delay_amount", lambda *_: 0)
    monkeypatch.setattr(s3, "SLOW_AFTER_S", 0.2)
    made = Proxy(os.environ["AWS_ENDPOINT_URL"])
    with made.serving() as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        yield made


@pytest.fixture
def load(proxy: Proxy, cluster: Cluster, migrated: str) -> Load:  # noqa: ARG001 - of the bucket behind it
    """What the objects come to when S3 has no fault."""
    with new_database(cluster, migrated) as database:
        began = time.monotonic()
        ingest(database, SOURCE)
        return Load(SOURCE, tables(asking(database)), FILES, time.monotonic() - began)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_is_nobodys_concern(
    database: Database, proxy: Proxy, load: Load, trial: Trial, chance: random.Random, full: bool, fault: str
) -> None:
    trial.what = f"S3 {fault} for some requests, twice an object at most"
    do, _ = FAULTS[fault]
    for number in chance.sample(range(FILES), FILES if full else 3):
        proxy.faults.append(Fault(rf"GET /weather/wx/USC0000000{number}", do, times=2))
    done = ingest(database, SOURCE)
    load.check(asking(database), trial)
    assert (done.status, done.files_failed) == ("succeeded", 0)
    assert [one.met for one in proxy.faults] == [2] * len(proxy.faults)
    trial.times = sum(one.met for one in proxy.faults)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_stays_costs_its_file_only_until_the_next_pass(
    database: Database, proxy: Proxy, load: Load, trial: Trial, fault: str
) -> None:
    trial.what = f"S3 {fault}, for one object always"
    do, reason = FAULTS[fault]
    proxy.faults = [Fault(f"GET /weather{OBJECT}", do)]
    done = ingest(database, SOURCE)
    assert (done.status, done.files_loaded, done.files_failed) == ("failed", FILES - 1, 1)
    [(uri, error)] = database.rows("SELECT uri, error FROM source_file WHERE status = 'interrupted'")
    assert (uri, reason in str(error)) == (f"s3://weather{OBJECT}", True), error
    assert len(observations(database)) == database.rows("SELECT sum(rows_inserted) FROM source_file")[0][0]
    assert {row[0] for row in observations(database)} == {f"USC0000000{one}" for one in range(FILES) if one != 3}
    trial.times, proxy.faults = proxy.faults[0].met, []
    assert ingest(database, SOURCE).files_loaded == 1
    load.check(asking(database), trial)


def test_a_body_that_breaks_off_is_asked_for_from_there(
    database: Database, proxy: Proxy, load: Load, content: list[str], trial: Trial
) -> None:
    trial.what = "S3 truncates each body five times running"
    proxy.faults = [Fault(rf"GET /weather/wx/USC0000000{one}", truncated, times=5) for one in range(FILES)]
    assert ingest(database, SOURCE).status == "succeeded"
    load.check(asking(database), trial)
    trial.times = 5 * FILES
    position, expected = 0, []
    for _ in range(5):
        position += (len(content[3]) - position) // 2
        expected.append(f"bytes={position}-")
    assert [wanted for request, wanted in proxy.requests if OBJECT in request][-6:] == [None, *expected]


@pytest.mark.parametrize(
    "fault", ["answers 500", "answers 503 SlowDown", "truncates the body", "resets the connection"]
)
def test_a_listing_that_fails_is_said_and_the_next_pass_is_as_the_first(
    database: Database, proxy: Proxy, load: Load, trial: Trial, fault: str
) -> None:
    trial.what = f"S3 {fault} when it is to list the bucket, always"
    proxy.faults = [Fault("list-type=2", FAULTS[fault][0])]
    with pytest.raises(CannotRunError, match="s3://weather/wx cannot be listed: "):
        ingest(database, SOURCE)
    [(status, error)] = database.rows("SELECT status, error FROM ingestion")
    assert (status, "s3://weather/wx cannot be listed: " in str(error)) == ("failed", True)
    assert database.rows(LOADED) == [(0, 0, 0)]
    trial.times, proxy.faults = proxy.faults[0].met, []
    assert ingest(database, SOURCE).status == "succeeded"
    load.check(asking(database), trial)


@pytest.mark.parametrize(
    ("change", "reason"),
    [("put", "it has changed since it was listed"), ("delete", "it was deleted after it had been listed")],
)
def test_an_object_that_changes_after_the_listing_is_left_to_the_next_pass(
    database: Database,
    proxy: Proxy,
    load: Load,
    bucket: Any,
    content: list[str],
    trial: Trial,
    change: str,
    reason: str,
) -> None:
    trial.what = "an object's ETag changes" if change == "put" else "an object is deleted"
    trial.what += " between listing and reading"
    changes = {
        "put": lambda: put(bucket, OBJECT[1:], station_lines(a_year(2001))),
        "delete": lambda: bucket.delete_object(Bucket="weather", Key=OBJECT[1:]),
    }
    proxy.faults = [Fault(f"GET /weather{OBJECT}", after(changes[change]), times=1)]
    done = ingest(database, SOURCE)
    assert (done.status, done.files_loaded) == ("failed", FILES - 1)
    assert done.failures == [(f"s3://weather{OBJECT}", reason)]
    assert ("USC00000003.txt", "interrupted") in [entry[:2] for entry in ledger(database)]
    # The new version is loaded as it is; when the old one is there again, its rows are as they would always have been.
    if change == "put":
        assert ingest(database, SOURCE).files_loaded == 1
        assert {str(row[1])[:4] for row in observations(database) if row[0] == "USC00000003"} == {"2001"}
    else:
        put(bucket, OBJECT[1:], content[3])
        assert ingest(database, SOURCE).files_loaded == 1
        load.check(asking(database), trial)
    trial.times = 1
    assert database.rows("SELECT count(*) FROM ingestion WHERE status = 'running'") == [(0,)]
