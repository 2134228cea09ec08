"""How a running worker is asked to stop: SIGTERM or SIGINT becomes a request that a pass looks at between its steps."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator

log = logging.getLogger(__name__)

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopRequest:
    """Whether the work should end soon. Any thread may ask it, any thread may make the request."""

    def __init__(self) -> None:
        self._event = threading.Event()

    @property
    def requested(self) -> bool:
        """True once somebody has asked: finish or roll back the current file, then return."""
        return self._event.is_set()

    def request(self) -> None:
        """Ask for the stop; asking again changes nothing."""
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the request, at most so many seconds; whether it has been made."""
        return self._event.wait(seconds)


@contextlib.contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """A request that the first SIGTERM or SIGINT makes; a second one ends the process at once.

    Call it in the main thread. What the signals did before is restored at the end.
    """
    stop = StopRequest()
    # Python's own handler does nothing: it would run between two steps of the main thread, which may hold the very lock
    # that the event needs. The signal's number arrives in this pipe instead, and a thread of its own acts on it.
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    listener = threading.Thread(target=_listen, args=(receiver, stop), name="signals", daemon=True)
    previous = {number: signal.signal(number, lambda *_: None) for number in SIGNALS}
    previous_descriptor = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    listener.start()
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(previous_descriptor)
        for number, handler in previous.items():
            signal.signal(number, handler)
        sender.close()
        listener.join()
        receiver.close()


def _listen(receiver: socket.socket, stop: StopRequest) -> None:
    while received := receiver.recv(1):
        number = received[0]
        if number not in SIGNALS:  # another signal with a handler in Python writes here too
            continue
        name = signal.Signals(number).name
        if stop.requested:
            log.warning("%s again: ending at once", name, extra={"action": "stop_at_once", "signal": name})
            end_at_once(128 + number)
        log.info("%s: stopping after the current file", name, extra={"action": "stop_requested", "signal": name})
        stop.request()


def end_at_once(status: int) -> None:
    """End the process with this exit status, whatever its threads are doing.

    PostgreSQL rolls back the open transaction when the connection breaks, so nothing is left half done.
    """
    os._exit(status)
