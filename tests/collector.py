"""A collector of traces for the tests: a real HTTP server that takes OTLP as programs send it."""

from __future__ import annotations

import contextlib
import gzip
import http.server
import threading
from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

KINDS = Span.SpanKind


class Collector:
    """What was sent: spans, and the bytes that they came in."""

    def __init__(self) -> None:
        self.address = ""
        self.spans: list[Span] = []
        self.resources: list[dict[str, Any]] = []
        self.received = b""
        self.status = 200
        self.requests = 0

    def take(self, body: bytes) -> None:
        """Take a request's content."""
        self.requests += 1
        if self.status != 200:
            return
        self.received += body
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append(values(of_resource.resource))
            for of_scope in of_resource.scope_spans:
                self.spans += of_scope.spans

    def named(self, name: str) -> list[Span]:
        """The spans of this name."""
        return [span for span in self.spans if span.name == name]

    def of_trace(self, span: Span) -> list[Span]:
        """The spans of the trace that a span belongs to."""
        return [one for one in self.spans if one.trace_id == span.trace_id]


def values(of: Any) -> dict[str, Any]:
    """The attributes of a span or of a resource."""
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in of.attributes}


def is_sql(span: Span) -> bool:
    """Whether a span is of a statement."""
    return "db.statement" in values(span)


@contextlib.contextmanager
def collecting(host: str = "127.0.0.1") -> Iterator[Collector]:
    """A collector that listens at its address; containers need one of this machine's that they reach."""
    collector = Collector()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            assert (self.path, self.headers["Content-Type"]) == ("/v1/traces", "application/x-protobuf")
            collector.take(body)
            self.send_response(collector.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Nothing: the tests look at what came."""

    with http.server.ThreadingHTTPServer((host, 0), Handler) as server:
        collector.address = f"http://{host}:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
