"""Streams, compressed or not, cut into pieces of whole lines."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator

from tests.resilience.fuzzing import checks
from worker.formats.pieces import GZIP_MAGIC, UnreadableFileError, head_of, opened, pieces

LINES = b"20000101\t  100\t   50\t    0\n" * 20


class Dripping(io.BytesIO):
    """A stream that gives less than it is asked for."""

    def read(self, size: int | None = -1, /) -> bytes:
        """A part of the next bytes."""
        return super().read(size if size is None or size < 2 else size - size // 3)


def seeds() -> Iterator[bytes]:
    """Plain lines, members, padding, members that are cut off or damaged."""
    member = gzip.compress(LINES, mtime=0)
    for content in (
        LINES,
        member,
        member * 2 + bytes(20) + gzip.compress(b"", mtime=0),
        member[:-5],
        member[:30] + b"\xff" + member[31:],
        member + b"more",
        gzip.compress(member, mtime=0),
    ):
        yield b"\x40" + content


def check(data: bytes) -> None:
    """The pieces are the content, as Python's own gzip has it; what is damaged is refused with words, and by both."""
    size, stored = (data[0] + 1, data[1:]) if data else (1, b"")
    try:
        found = list(pieces(opened(Dripping(stored)), size))
    except UnreadableFileError as error:
        checks.words(str(error))
        found = None
    content = _content(stored)
    assert (found is None) == (content is None), (found, content)
    if found is None or content is None:
        return
    assert b"".join(piece for piece, _ in found) == content
    line = 1
    for number, (piece, first_line) in enumerate(found, 1):
        assert first_line == line
        assert piece.endswith(b"\n") or number == len(found)
        line += piece.count(b"\n")
    head, rest = head_of(opened(io.BytesIO(stored)), size)
    assert head == content[:size]
    assert rest.read(size) in (head, content[:size])


def _content(stored: bytes) -> bytes | None:
    """What gzip says that it holds; None where it is damaged."""
    if not stored.startswith(GZIP_MAGIC):
        return stored
    try:
        return gzip.decompress(stored)
    except (OSError, EOFError, zlib.error):
        return None
