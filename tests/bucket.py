"""A bucket of the tests' own: a real HTTP server that speaks S3 (moto's)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

SOURCE = "s3://weather/wx"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty bucket `weather`, and the AWS environment of whoever may use it."""
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3")
    client.create_bucket(Bucket="weather")
    yield client
    for found in client.list_objects_v2(Bucket="weather").get("Contents", []):
        client.delete_object(Bucket="weather", Key=found["Key"])
    server.stop()


def put(bucket: Any, key: str, text: str | bytes) -> None:
    bucket.put_object(Bucket="weather", Key=key, Body=text)
