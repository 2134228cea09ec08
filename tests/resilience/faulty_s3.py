"""An HTTP server in front of one that speaks S3: it hands requests on, and does to the answers what it is told to."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import http.server
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: a socket with it is closed by a reset."""


@dataclasses.dataclass
class Fault:
    """What is done to requests, written as method and path, that a pattern matches; so often, and no more."""

    pattern: str
    do: Callable[[Exchange], None]
    times: int = sys.maxsize
    met: int = 0


class Exchange(http.server.BaseHTTPRequestHandler):
    """A request, and the answer of the real server to it."""

    proxy: Proxy

    def handle_request(self) -> None:
        """Hand it on, or do what a fault says."""
        request = f"{self.command} {self.path}"
        self.proxy.requests.append((request, self.headers.get("Range")))
        fault = self.proxy.fault_of(request)
        self.close_connection = True
        with contextlib.suppress(ConnectionError):  # who asked has gone away
            fault.do(self) if fault else self.answer(*self.forward())

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = handle_request  # noqa: N815  # http.server's names

    def forward(self) -> tuple[int, list[tuple[str, str]], bytes]:
        """What the real server says: status, headers, body."""
        upstream = urlsplit(self.proxy.upstream)
        connection = http.client.HTTPConnection(upstream.hostname or "", upstream.port)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection.request(self.command, self.path, body, dict(self.headers))
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.getheaders(), content

    def answer(self, status: int, headers: list[tuple[str, str]], body: bytes, first: int | None = None) -> None:
        """Send an answer: of its body, the first bytes only, if so many are given."""
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        length = dict(headers).get("Content-Length", str(len(body)))  # of a HEAD, whose body is none
        self.send_header("Content-Length", length)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body[:first])

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def refusal(status: int, code: str) -> Callable[[Exchange], None]:
    """S3's answer to what it cannot do now."""

    def do(exchange: Exchange) -> None:
        text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>Please try again</Message></Error>"
        exchange.answer(status, [("Content-Type", "application/xml")], text.encode())

    return do


def truncated(exchange: Exchange) -> None:
    """Half of the body, and the end."""
    status, headers, body = exchange.forward()
    exchange.answer(status, headers, body, first=len(body) // 2)


def reset(exchange: Exchange) -> None:
    """Half of the body, and a reset of the connection."""
    truncated(exchange)
    time.sleep(0.05)  # what was sent and not yet received would be lost with it
    exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def endless(exchange: Exchange) -> None:
    """The first bytes of the body one at a time, so slowly that it never ends."""
    status, headers, body = exchange.forward()
    exchange.answer(status, headers, body, first=0)
    for byte in body:
        exchange.wfile.write(bytes([byte]))
        if exchange.proxy.closing.wait(0.02):
            return


def after(change: Callable[[], object]) -> Callable[[Exchange], None]:
    """The real answer, after something has been changed."""

    def do(exchange: Exchange) -> None:
        change()
        exchange.answer(*exchange.forward())

    return do


class Proxy:
    """The server. `faults` may be changed at any time; `requests` are those that came, each with its Range."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str | None]] = []
        self.closing = threading.Event()
        self._lock = threading.Lock()

    def fault_of(self, request: str) -> Fault | None:
        """The fault that this request meets."""
        with self._lock:
            for fault in self.faults:
                if fault.met < fault.times and re.search(fault.pattern, request):
                    fault.met += 1
                    return fault
        return None

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """Serve while the block runs; gives the address."""
        handler = type("Handler", (Exchange,), {"proxy": self})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            self.closing.set()
            server.shutdown()
            thread.join()
            server.server_close()
