"""What the access log makes of a client's text."""

from __future__ import annotations

from collections.abc import Iterator

from app.access_log import LONGEST, _printable
from app.http_headers import _SANE


def seeds() -> Iterator[bytes]:
    """Lines and colours that somebody would like to see in a log."""
    yield b"/api/weather"
    yield b'/x\r\n{"level": "ERROR", "message": "forged"}'
    yield b"\x1b[2J\xc2\x9b31m\xe2\x80\xa8\xe2\x80\xae\xff\0"
    yield b"0af7651916cd43dd8448eb211c80319c"


def check(data: bytes) -> None:
    """It is printable, on one line, and not endless."""
    text = _printable(data.decode("latin-1"))
    assert text.isprintable()
    assert len(text) <= LONGEST * len("\\U0010ffff")
    text.encode()
    if _SANE.fullmatch(data.decode("latin-1")):
        assert text == data.decode()
