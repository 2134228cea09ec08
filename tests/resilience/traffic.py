"""Clients of the API, many at a time, that write down how each of their requests ended."""

from __future__ import annotations

import dataclasses
import json
import re
import selectors
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Collection, Iterator, Sequence
from typing import Self

PATIENCE_S = 60
_LENGTH = re.compile(rb"\r\ncontent-length: ([0-9]+)\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: chunked\r\n", re.IGNORECASE)
_CLOSES = re.compile(rb"\r\nconnection: close\r\n", re.IGNORECASE)
_RETRY_AFTER = re.compile(rb"\r\nretry-after: [0-9]+\r\n", re.IGNORECASE)
_PROBLEM = re.compile(rb"\r\ncontent-type: application/problem\+json\r\n", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked, and the status that it is answered with when nothing is wrong."""

    path: str
    status: int = 200
    headers: str = ""

    def sent(self) -> bytes:
        """As it is sent."""
        return f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{self.headers}\r\n".encode()


REFUSED = "no connection"
RESET = "a new connection closed without an answer"
UNANSWERED = "a kept connection closed without an answer"
BROKEN = "an answer without its end"


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """How a request ended. `wrong` is empty where it was answered as it is when nothing is wrong, or with a 503 that is
    what the documents promise; else it says what was wrong. `due` is when it should have been sent.
    """

    status: int
    due: float
    sent: float
    ended: float
    wrong: str = ""


class _Client:
    """One connection, opened when there is something to send."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._fresh = True
        self.socket: socket.socket | None = None
        self.sent = self.due = 0.0
        self.request: Request | None = None
        self._received = bytearray()

    def send(self, request: Request, due: float) -> Answer | None:
        """Send it; an answer already where that is not possible."""
        self.request, self.due, self.sent = request, due, time.monotonic()
        self._received.clear()
        try:
            self._fresh = self.socket is None
            if self.socket is None:
                self.socket = socket.create_connection(("127.0.0.1", self._port), 10)
            self.socket.sendall(request.sent())
        except OSError:
            return self._ended(0, REFUSED if self.socket is None else self._closed(), close=True)
        return None

    def receive(self) -> Answer | None:
        """Take what has come; the answer when it is complete or can no longer become so."""
        assert self.socket is not None
        try:
            piece = self.socket.recv(262_144)
        except OSError:
            piece = b""
        self._received += piece
        end = self._received.find(b"\r\n\r\n") + 4
        if end > 3 and self._is_whole(bytes(self._received[: end - 2]), end):
            return self._judged(bytes(self._received[: end - 2]), bytes(self._received[end:]))
        if not piece:
            return self._ended(0, BROKEN if self._received else self._closed(), close=True)
        return None

    def _closed(self) -> str:
        return RESET if self._fresh else UNANSWERED

    def give_up(self) -> Answer:
        """The answer that never came."""
        return self._ended(0, f"no answer in {PATIENCE_S} s", close=True)

    def _is_whole(self, head: bytes, end: int) -> bool:
        if head[9:12] == b"304":
            return True
        if length := _LENGTH.search(head):
            return len(self._received) >= end + int(length[1])
        return not _CHUNKED.search(head) or self._received.endswith(b"\r\n0\r\n\r\n", end - 2)

    def _judged(self, head: bytes, body: bytes) -> Answer:
        assert self.request is not None
        status, wrong = int(head[9:12]), ""
        if status == 503:
            document = json.loads(body) if _PROBLEM.search(head) else {}
            if not (_RETRY_AFTER.search(head) and document.get("status") == 503):
                wrong = "a 503 that is no problem document with Retry-After"
        elif status != self.request.status:
            wrong = f"{status} for {self.request.path}: {body[:200]!r}"
        return self._ended(status, wrong, close=bool(_CLOSES.search(head)))

    def _ended(self, status: int, wrong: str, *, close: bool) -> Answer:
        if close and self.socket is not None:
            self.socket.close()
            self.socket = None
        return Answer(status, self.due, self.sent, time.monotonic(), wrong)


class Traffic:
    """So many clients, that send the requests in turn while the block lasts; each waits for its answer.

    Without a rate, a client sends its next request at once. With one, so many requests a second are due whatever the
    answers take, and one that finds no free client waits.
    """

    def __init__(self, port: int, requests: Sequence[Request], clients: int, rate: float | None = None) -> None:
        self.answers: list[Answer] = []
        self._clients = [_Client(port) for _ in range(clients)]
        self._requests = requests
        self._rate = rate
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Send no more, and wait for the answers that are due."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            idle, busy = deque(self._clients), set[_Client]()
            count, began = 0, time.monotonic()
            while busy or not self._stop.is_set():
                while idle and not self._stop.is_set():
                    due = began + count / self._rate if self._rate else time.monotonic()
                    if due > time.monotonic():
                        break
                    client, count = idle.popleft(), count + 1
                    if answer := client.send(self._requests[count % len(self._requests)], due):
                        self.answers.append(answer)
                        idle.append(client)
                        self._stop.wait(0.01)  # nobody is there: a client that goes on at once learns nothing new
                        break
                    busy.add(client)
                    assert client.socket is not None
                    selector.register(client.socket, selectors.EVENT_READ, client)
                for answered, answer in self._answered(selector, busy):
                    busy.remove(answered)
                    idle.append(answered)
                    self.answers.append(answer)
            for client in self._clients:
                if client.socket is not None:
                    client.socket.close()

    @staticmethod
    def _answered(selector: selectors.BaseSelector, busy: Collection[_Client]) -> Iterator[tuple[_Client, Answer]]:
        ready = {key.data: key.fileobj for key, _ in selector.select(0.005)}
        for client, opened in ready.items():
            if answer := client.receive():
                selector.unregister(opened)
                yield client, answer
        late = time.monotonic() - PATIENCE_S
        for client in [each for each in busy if each.sent < late and each not in ready]:
            assert client.socket is not None
            selector.unregister(client.socket)
            yield client, client.give_up()

    def since(self, moment: float, until: float = float("inf")) -> list[Answer]:
        """How the requests ended that were sent in this time."""
        return [answer for answer in list(self.answers) if moment <= answer.sent < until]

    def wrong(self) -> Counter[str]:
        """What was wrong with the answers so far, and how often."""
        return Counter(answer.wrong for answer in list(self.answers) if answer.wrong)

    def statuses(self) -> Counter[int]:
        """How often each status was the answer so far."""
        return Counter(answer.status for answer in list(self.answers))


def percentile(answers: Collection[Answer], percent: float) -> float:
    """Milliseconds, from when it should have been sent, within which so many of a hundred requests were answered."""
    took = sorted(answer.ended - answer.due for answer in answers)
    return 1000 * took[min(len(took) - 1, int(len(took) * percent / 100))]
