"""The station files in a bucket: what a pass asks of S3 where nothing has changed."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from typing import Any
from unittest import mock

import boto3
from moto.server import ThreadedMotoServer

from bench.context import Bench
from bench.results import Figure

BUCKET = "weather"
DOWNLOAD = re.compile(rf"GET \S+/{BUCKET}/[^?]+\.txt")


def measure(bench: Bench) -> Iterator[Figure]:
    """The requests of a second pass, by a server on this machine that speaks S3."""
    paths = sorted(bench.weather.glob("*.txt"))
    with _server() as s3, _requests() as requests:
        s3.create_bucket(Bucket=BUCKET)
        for path in paths:
            s3.put_object(Bucket=BUCKET, Key=path.name, Body=path.read_bytes())
        source = f"s3://{BUCKET}"
        bench.server.empty()
        loaded = bench.ingest(source)
        downloads = len([request for request in requests if DOWNLOAD.match(request)])
        if (loaded.files_loaded, downloads) != (len(paths), len(paths)):
            raise RuntimeError(f"the first pass loaded {loaded.files_loaded} files by {downloads} downloads")
        requests.clear()
        bench.ingest(source)
        what = f"second pass, {len(paths)} files in a bucket, nothing changed"
        listings = len([request for request in requests if "list-type=2" in request])
        yield Figure(what, "listings", [listings], "at most", 1)
        downloads = len([request for request in requests if DOWNLOAD.match(request)])
        yield Figure(what, "downloads", [downloads], "at most", 0)


@contextlib.contextmanager
def _server() -> Iterator[Any]:
    """A client of the server, which every client of this process asks while the block runs."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # no line for each request
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    variables = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "bench",
        "AWS_SECRET_ACCESS_KEY": "bench",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        with mock.patch.dict(os.environ, variables):
            yield boto3.client("s3")
    finally:
        server.stop()


@contextlib.contextmanager
def _requests() -> Iterator[list[str]]:
    """What the clients that are made within the block send, as method and address."""
    made: list[str] = []
    boto3.setup_default_session()
    boto3.DEFAULT_SESSION.events.register(
        "before-send.s3", lambda request, **_: made.append(f"{request.method} {request.url}")
    )
    try:
        yield made
    finally:
        boto3.DEFAULT_SESSION = None
