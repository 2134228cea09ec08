"""A load of HTTP requests: connections that are kept open, each sending its next request as soon as it is answered."""

from __future__ import annotations

import dataclasses
import re
import selectors
import socket
import time
from collections.abc import Sequence

_STATUS_AND_LENGTH = re.compile(rb"HTTP/1\.1 ([0-9]{3}) .*?\r\nContent-Length: ([0-9]+)\r\n", re.DOTALL | re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Load:
    """What came of a load: answered requests, the seconds they took, and the CPU that sending them took here."""

    requests: int
    seconds: float
    client_cpu_s: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


class _Connection:
    """One connection, on its way through the requests."""

    def __init__(self, port: int, requests: Sequence[bytes], first: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._requests = requests
        self._next = first
        self._received = bytearray()
        self._wanted = 0

    def send(self) -> None:
        self.socket.sendall(self._requests[self._next % len(self._requests)])
        self._next += 1

    def receive(self, status: bytes) -> bool:
        """Take what has come; whether the answer is complete.

        Raises:
            RuntimeError: another status than the one expected, or the connection was closed.
        """
        piece = self.socket.recv(262_144)
        self._received += piece
        if not self._wanted:
            end = self._received.find(b"\r\n\r\n") + 4
            if end > 3:
                self._wanted = end + self._length(status, end)
        if self._wanted and len(self._received) >= self._wanted:
            self._received.clear()
            self._wanted = 0
            return True
        if not piece:
            raise RuntimeError("the server closed a connection")
        return False

    def _length(self, status: bytes, end: int) -> int:
        head = bytes(self._received[:end])
        if head[9:12] != status:
            raise RuntimeError(f"the server answered {head[:200]!r}")
        found = _STATUS_AND_LENGTH.match(head)
        return int(found[2]) if found and status != b"304" else 0


def request(path: str, headers: str = "") -> bytes:
    """A request as it is sent. `headers` are whole lines, each with its end."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n".encode()


def load(
    ports: Sequence[int], requests: Sequence[bytes], seconds: float, connections: int = 4, status: int = 200
) -> Load:
    """Send the requests in turn, again and again, on so many connections to each port.

    Raises:
        RuntimeError: an answer of another status, or none.
    """
    with selectors.DefaultSelector() as selector:
        opened = [
            _Connection(port, requests, first=7 * number)
            for number, port in enumerate([port for port in ports for _ in range(connections)])
        ]
        for connection in opened:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        expected, answered = str(status).encode(), 0
        began, cpu = time.perf_counter(), time.process_time()
        for connection in opened:
            connection.send()
        while time.perf_counter() < began + seconds:
            for key, _ in selector.select(1):
                if key.data.receive(expected):
                    answered += 1
                    key.data.send()
        result = Load(answered, time.perf_counter() - began, time.process_time() - cpu)
        for connection in opened:
            connection.socket.close()
    return result
