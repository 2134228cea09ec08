"""What a client gets whose request gunicorn itself refuses, such as one that is no HTTP: a problem document as well."""

from __future__ import annotations

from typing import Any

from gunicorn import util
from gunicorn.http.errors import InvalidHeader, UnsupportedTransferCoding

from app.errors import MIMETYPE
from app.representation import to_json


def register() -> None:
    """Make gunicorn write problem documents instead of its pages of HTML."""
    util.write_error = _write_error


def refused(error: Exception) -> Any:
    """An error of gunicorn's parser as one that is answered with a status of 400 to 499.

    RFC 9112 would have 501 for a transfer coding that is not known. But answers from 500 on are a fault of the server:
    an alarm counts them, which no client is to set off.
    """
    if isinstance(error, UnsupportedTransferCoding):
        return InvalidHeader("TRANSFER-ENCODING")
    return error


def _write_error(sock: Any, status: int, reason: str, message: str) -> None:
    detail = message or None
    document = {"type": "about:blank", "title": reason, "status": status, "detail": detail, "request_id": None}
    body = to_json(document)
    head = (
        f"HTTP/1.1 {status} {reason}\r\nConnection: close\r\nContent-Type: {MIMETYPE}\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n"
    )
    util.write_nonblock(sock, head.encode("latin-1") + body)
