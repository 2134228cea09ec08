"""A bucket as the source: a server that speaks S3 (moto's). Its faults are in tests/resilience/test_s3_faults.py."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pytest

from tests.bucket import SOURCE, bucket, put
from tests.conftest import Database, free_port
from tests.integration.ingesting import a_year, ingest, ledger, observations, station_lines
from worker import manifest
from worker.ingest import CannotRunError
from worker.sources import s3

__all__ = ["bucket"]


class Requests(list[str]):
    """What was asked of the server, as method and path."""

    def of(self, pattern: str) -> list[str]:
        """Those that match."""
        return [request for request in self if re.search(pattern, request)]


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Requests:
    """The requests that the clients of S3 send from now on."""
    made = Requests()
    plain = s3.client

    def watched(*, anonymous: bool) -> Any:
        client = plain(anonymous=anonymous)
        client.meta.events.register(
            "before-send.s3", lambda request, **_: made.append(f"{request.method} {request.url}")
        )
        return client

    monkeypatch.setattr(s3, "client", watched)
    return made


def test_a_pass_loads_the_bucket_and_the_next_one_only_lists_it(
    database: Database, bucket: Any, requests: Requests
) -> None:
    put(bucket, "wx/USC00000001.txt", station_lines(a_year(2000)))
    put(bucket, "wx/deeper/USC00000002 ü.txt", station_lines(a_year(2001)))
    put(bucket, "wx/by_year/2002.csv.gz", gzip.compress(b"USC00000003,20020101,TMAX,-7,,,0,\n"))
    put(bucket, "wx/empty folder/", b"")
    put(bucket, "wx/_windsock/sample.json.partial", "not weather")
    put(bucket, "wx_other/USC00000009.txt", station_lines(a_year(2000)))
    done = ingest(database, SOURCE)
    assert (done.status, done.files_found, done.files_loaded) == ("succeeded", 3, 3)
    assert {row[0] for row in observations(database)} == {"USC00000001", "USC00000002", "USC00000003"}

    text = bucket.get_object(Bucket="weather", Key="wx/_windsock/manifest.json")["Body"].read().decode()
    listed = bucket.list_objects_v2(Bucket="weather", Prefix="wx/")["Contents"]
    versions = {one["Key"].removeprefix("wx/"): one["ETag"].strip('"') for one in listed if one["Size"]}
    recorded = manifest.load(text)
    assert recorded == {name: version for name, version in versions.items() if not name.startswith("_windsock")}
    assert manifest.new_files([("new.txt", "1"), *recorded.items()], recorded) == ["new.txt"]

    requests.clear()
    assert ingest(database, SOURCE).files_unchanged == 3
    assert len(requests.of("list-type=2")) == 1
    assert requests.of(r"GET .*/wx/") == []


def test_a_revised_object_is_loaded_and_a_rewritten_one_is_not(database: Database, bucket: Any) -> None:
    put(bucket, "wx/USC00000001.txt", station_lines(a_year(2000)))
    ingest(database, SOURCE)
    put(bucket, "wx/USC00000001.txt", station_lines([("20000101", 7, 6, 5), *a_year(2000)[1:]]))
    assert ingest(database, SOURCE).rows_updated == 1
    put(bucket, "wx/USC00000001.txt", station_lines([("20000101", 7, 6, 5), *a_year(2000)[1:], ("20010101", 1, 1, 1)]))
    done = ingest(database, SOURCE)
    assert (done.rows_read, done.rows_inserted) == (1, 1)


def test_the_mark_of_a_sample_is_seen(database: Database, bucket: Any) -> None:
    put(bucket, "wx/USC00000001.txt", station_lines(a_year(2000)))
    assert ingest(database, SOURCE).generated is False
    put(bucket, "wx/_windsock/sample.json", "{}")
    assert ingest(database, SOURCE).generated is True


def test_more_objects_than_a_page(database: Database, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "PAGE_SIZE", 3)
    for number in range(8):
        put(bucket, f"wx/USC0000000{number}.txt", station_lines(a_year(2000)[:2]))
    assert ingest(database, SOURCE).files_loaded == 8


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there(database: Database) -> None:
    with pytest.raises(CannotRunError, match=r"s3://nowhere/x cannot be listed: .*NoSuchBucket.*WINDSOCK_S3_ANONYMOUS"):
        ingest(database, "s3://nowhere/x")
    assert database.rows("SELECT status FROM ingestion") == [("failed",)]


def test_an_address_where_nothing_answers(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(s3, "RETRIES", {"mode": "standard", "max_attempts": 1})  # the waiting is boto3's own
    with pytest.raises(CannotRunError, match="Could not connect to the endpoint URL"):
        ingest(database, SOURCE, WINDSOCK_S3_ANONYMOUS="yes")


def test_a_manifest_that_cannot_be_written_is_said(database: Database, bucket: Any) -> None:
    put(bucket, "wx/USC00000001.txt", station_lines(a_year(2000)))
    done = ingest(database, SOURCE, WINDSOCK_MANIFEST="s3://nowhere/manifest.json")
    assert done.status == "failed"
    assert "the manifest s3://nowhere/manifest.json cannot be written" in str(done.error)
    assert len(observations(database)) == 336


def test_a_manifest_can_go_to_a_file_or_nowhere(database: Database, bucket: Any, tmp_path: Path) -> None:
    put(bucket, "wx/USC00000001.txt", station_lines(a_year(2000)))
    ingest(database, SOURCE, WINDSOCK_MANIFEST="off")
    assert bucket.list_objects_v2(Bucket="weather")["KeyCount"] == 1
    ingest(database, SOURCE, WINDSOCK_MANIFEST=str(tmp_path / "made" / "manifest.json"))
    assert list(manifest.load((tmp_path / "made" / "manifest.json").read_text())) == ["USC00000001.txt"]
    (tmp_path / "file").touch()
    assert "cannot be written" in str(
        ingest(database, SOURCE, WINDSOCK_MANIFEST=str(tmp_path / "file" / "m.json")).error
    )


def test_what_failed_is_tried_again(database: Database, bucket: Any) -> None:
    put(bucket, "wx/page.txt", "<html>not found</html>")
    assert ingest(database, SOURCE).files_failed == 1
    assert ingest(database, SOURCE).failed_before == 1
    assert ingest(database, SOURCE, retry_failed=True).files_failed == 1
    assert [entry[:2] for entry in ledger(database)] == [("page.txt", "failed")] * 2
