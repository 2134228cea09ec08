"""CSV downloads: streamed from PostgreSQL in constant memory, on connections of their own. A broken one shows."""

from __future__ import annotations

import contextlib
import itertools
import logging
import time
from collections.abc import Callable, Generator, Iterator
from typing import cast

import psycopg
from flask import Response, request

from app.http_headers import request_id
from app.reads import Row
from app.representation import CSV
from app.state import state

Connection = psycopg.Connection[Row]
Blocks = Generator[bytes, None, None]

log = logging.getLogger(__name__)


class DownloadTimeoutError(Exception):
    """The client took longer than a download may take."""


def csv_response(filename: str, start: Callable[[Connection], tuple[int, Blocks]]) -> Response:
    """A response that streams a CSV file.

    `start` gets the connection and gives the number of rows, for the header X-Total-Count, and the file's blocks.

    An error before the first block is an ordinary error. A later one ends the response without the last, empty chunk of
    HTTP/1.1, so that the client knows; a client of HTTP/1.0 compares the lines with X-Total-Count.
    """
    total_and_blocks = _blocks(start, request.method == "HEAD", request_id())
    total = cast("int", next(total_and_blocks))
    blocks = cast("Iterator[bytes]", total_and_blocks)
    response = Response(blocks, mimetype=CSV, headers={"X-Total-Count": str(total)})
    response.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    # Also when the client is gone before it took anything: the connection goes back to the pool.
    response.call_on_close(total_and_blocks.close)  # type: ignore[attr-defined]
    return response


def _blocks(start: Callable[[Connection], tuple[int, Blocks]], head: bool, number: str | None) -> Iterator[int | bytes]:
    seconds = state().settings.stream_timeout_s
    deadline = time.monotonic() + seconds
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(state().reads.snapshot())
        total, blocks = start(connection)
        stack.callback(blocks.close)  # ends the COPY, without which the connection cannot be rolled back
        if head:
            stack.close()  # a HEAD has its headers now, and no use for the connection
            yield total
            return
        beginning = b"".join(itertools.islice(blocks, 2))  # the header, and what tells whether the query works
        yield total
        yield beginning
        try:
            for block in blocks:
                yield block
                if time.monotonic() > deadline:
                    raise DownloadTimeoutError(f"the download took longer than {seconds} s")
        except Exception as error:
            log.warning("download broken off", extra={"request_id": number, "reason": str(error)})
            raise
