"""How a process that is told to stop turns away who would connect to it."""

from __future__ import annotations

import socket
import sys

import pytest

from app.server import _admit_nobody


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone has such filters")
def test_who_begins_to_connect_is_ignored_and_who_is_connected_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with socket.create_connection(address, 10) as before:
            _admit_nobody(listener)
            with pytest.raises(TimeoutError):
                socket.create_connection(address, 0.3)
            before.sendall(b"asked")
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.recv(5) == b"asked"
                accepted.sendall(b"answered")
            assert before.recv(8) == b"answered"
