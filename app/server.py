"""The gunicorn worker class: gunicorn's threaded one, with an end that breaks no request, and shorter ways."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import select
import selectors
import socket
import struct
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from email.utils import formatdate
from typing import Any

from gunicorn import util
from gunicorn.http.body import LengthReader
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, ThreadWorker

from app import refusals

LINGER_MS = 2
LAST_CONNECTIONS_MS = 200
SO_ATTACH_FILTER = 26  # of Linux; Python has no name for it
HEALTH_CHECK = b"GET /health/"
HEALTH_THREADS = 4


class DrainingWorker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """Closes its listening sockets as soon as it is told to stop, after taking the connections that wait there.

    gunicorn's own leaves them open until the last request in flight is answered, and accepts nobody. The kernel goes on
    making connections for them, which send their requests and are reset at the end. Closed, they refuse a connection at
    once, and the client or the load balancer tries the next process.
    """

    def set_accept_enabled(self, enabled: bool) -> None:
        """Begin or end to accept; the end of accepting after a request to stop is for good."""
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        for listener in self.sockets:
            _admit_nobody(listener)
        for listener in self.sockets:
            # Somebody waits there; or is connected by its own account, and a busy kernel has not got to it yet.
            while _sends(listener, LAST_CONNECTIONS_MS):
                self.accept(listener)
            listener.close()

    def init_process(self) -> None:
        """Serve, until told to stop."""
        self.health_checks = ThreadPoolExecutor(HEALTH_THREADS, "health")
        util.http_date = _date
        super().init_process()

    def enqueue_req(self, conn: Any) -> None:
        """Have the request of a connection answered as soon as a thread is free; a health check by threads of its own.

        Where the database is slow, all threads wait for it, and requests for them. A process is not to be called ill,
        and killed with all that it is doing, because its health check waits as well.
        """
        first = self._first_bytes(conn)
        if first is None and not conn.initialized and not conn.data_ready:
            # Looked at again when something comes; no thread waits for it.
            self._watch(conn, functools.partial(self.on_pending_socket_readable, conn))
            return
        if first == b"" and not (conn.parser and conn.parser.unreader.buf.getvalue()):
            # The client has gone, and no thread has to find that out: behind slow pages, those of a minute's health
            # checks would wait as open connections, until no more are accepted.
            self._close(conn)
            return
        if first == HEALTH_CHECK:
            answered = self.health_checks.submit(super().handle, conn)
        else:
            answered = self.tpool.submit(self.handle, conn)
        answered.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    @staticmethod
    def _first_bytes(conn: Any) -> bytes | None:
        """How the next request begins; empty where none will come, None where nothing has come yet."""
        conn.sock.setblocking(False)
        try:
            return bytes(conn.sock.recv(len(HEALTH_CHECK), socket.MSG_PEEK))
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def finish_request(self, conn: Any, done: Future[Any]) -> None:
        """Keep the connection for its next request, or end it.

        gunicorn's own waits up to two seconds for the client to close its end, and nobody else is served meanwhile.
        """
        if done.cancelled() or done.exception() or done.result():
            super().finish_request(conn, done)
            return
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
        else:
            self._watch(conn, functools.partial(self._take_the_rest, conn))

    def _take_the_rest(self, conn: Any, sock: socket.socket) -> None:
        """Read what a client still sends, until it closes: what stays unread would have Linux reset the connection, and
        the client might lose the answer that is on its way (RFC 9112, 9.6).
        """
        try:
            ended = not sock.recv(65_536)
        except BlockingIOError:
            ended = False
        except OSError:
            ended = True
        if ended:
            self.poller.unregister(sock)
            self.pending_conns.remove(conn)
            self._close(conn)

    def _close(self, conn: Any) -> None:
        self.nr_conns -= 1
        conn.close()

    def _watch(self, conn: Any, ready: Callable[[Any], None]) -> None:
        """Call a function when something comes on a connection; close it when too long nothing does."""
        lingering = self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER
        conn.timeout = time.monotonic() + lingering
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, ready)

    def _cap_keepalive(self, deadline: float) -> None:
        """Close idle connections by this time, those that never sent anything as well."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    stalled_timeout_s: float
    """After so many seconds in which it takes no piece of its response, a client is given up."""

    def handle_request(self, req: Any, conn: Any) -> Any:
        """Answer a request, to a client that takes the answer."""
        sock = conn.sock
        conn.sock = answer = _Answer(sock, self.stalled_timeout_s)
        try:
            kept = super().handle_request(req, conn)
            answer.send_head()
        finally:
            conn.sock = sock
        return kept

    def _keepalive_after(self, conn: Any, keepalive: Any) -> bool:
        """Whether the connection may be used again: not before what the application left of a body has been read."""
        reader = conn.parser.mesg.body.reader
        if isinstance(reader, LengthReader) and not reader.length:
            conn.parser.mesg = None  # there is none: its socket needs no time limit to be set and set back, twice
            return bool(keepalive)
        return bool(super()._keepalive_after(conn, keepalive))

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Refuse a request that is none, or say that answering one has failed."""
        super().handle_error(req, client, addr, refusals.refused(exc))

    def handle(self, conn: Any) -> Any:
        """Answer a request, and those that follow on the same connection while nobody else waits for the thread.

        gunicorn's own hands the connection back to the main thread after each request, and gets it again for the next:
        of a page of a hundred rows, that is a tenth of the work. Busy clients send their next request at once.
        """
        kept = super().handle(conn)
        while kept is True and self.alive and self.tpool._work_queue.empty() and _sends(conn.sock):  # noqa: SLF001 - it has no public name
            kept = super().handle(conn)
        return kept


class _Answer:
    """A client's socket, to write one answer to.

    The head leaves together with the first piece of the body: gunicorn gives one after the other.

    A client that takes nothing for some time is an error. Most answers are taken at once, and the time is not set for
    them: a socket with a time limit is polled before each piece. It is Python that waits, and not the kernel
    (`SO_SNDTIMEO`): where memory for sockets is short, as it is in a container close to its limit, Linux waits for
    memory, and forgets the time.
    """

    def __init__(self, sock: socket.socket, timeout_s: float) -> None:
        self._socket = sock
        self._timeout_s = timeout_s
        self._head: bytes | None = None
        self._begun = False

    def sendall(self, data: bytes) -> None:
        """As a socket's; what comes first is kept until more comes, or `send_head` says that nothing will."""
        if not self._begun:
            self._begun, self._head = True, data
            return
        if self._head:
            data, self._head = self._head + data, None
        sent = 0
        with contextlib.suppress(BlockingIOError):
            sent = self._socket.send(data, socket.MSG_DONTWAIT)
        if sent < len(data):
            self._limited().sendall(memoryview(data)[sent:])

    def send_head(self) -> None:
        """Send what is kept."""
        if self._head:
            self.sendall(b"")

    def __getattr__(self, name: str) -> Any:
        self.send_head()
        return getattr(self._limited(), name)

    def _limited(self) -> socket.socket:
        self._socket.settimeout(self._timeout_s)
        return self._socket


@functools.lru_cache(maxsize=2)
def _date_of(second: int) -> str:
    return formatdate(second, usegmt=True)


def _date() -> str:
    """The header `Date`, made once a second and not for each answer."""
    return _date_of(int(time.time()))


def _admit_nobody(listener: Any) -> None:
    """Have Linux ignore who begins to connect: their systems ask again, and then find another process or nobody.

    Else it could make a connection between the last one that is taken and the close of the socket, and reset it.
    """
    if not sys.platform.startswith("linux"):
        return
    # The flags of a TCP header are its byte 13, SYN is 2: dropped, all else let through (classic BPF, no right needed).
    program = [(0x30, 0, 0, 13), (0x45, 0, 1, 2), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *instruction) for instruction in program))
    with contextlib.suppress(OSError):  # a sandbox that has no such filters
        listener.setsockopt(
            socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(program), ctypes.addressof(code))
        )


def _sends(sock: Any, within_ms: int = LINGER_MS) -> bool:
    """Whether a request, or a connection, comes within a moment."""
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    return bool(poller.poll(within_ms))
