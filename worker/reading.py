"""From a listed file to batches of observations: what has been loaded of it before is recognised and left out."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator

from worker.formats import Format, ReadOptions, format_named, recognise
from worker.formats.pieces import GZIP_MAGIC, Readable, head_of, opened, pieces
from worker.ledger import Known
from worker.sources import ByteStream, ListedFile, Source

# A piece is held in memory several times over while it is read: as bytes, as indices of its lines (which may be no
# longer than their ends) and as values. Smaller ones cost speed: a station file of thirty years is just one.
PIECE_BYTES = 1 << 19
HEAD_BYTES = 1 << 16


class _Hashed:
    """A stream that counts and hashes what is read from it."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._hash = hashlib.sha256()
        self.size = 0

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        self._hash.update(data)
        self.size += len(data)
        return data

    def close(self) -> None:
        self._stream.close()

    def sha256(self) -> str:
        """Of all that has been read so far."""
        return self._hash.hexdigest()


@dataclasses.dataclass
class _Prefix:
    """The beginning of a file that was loaded before."""

    lines: int = 0
    first: bytes = b""
    last: bytes = b""


class WeatherFile:
    """A file opened for loading. `unchanged` says that its content was loaded before, under another time or ETag.

    Otherwise `pieces` gives the part of it that is new: all of it, or only the lines appended to what was loaded.

    Raises:
        FileUnavailableError: it cannot be read now.
        UnreadableFileError: its compression is broken, or it has a line without end.
        UnrecognisedFileError: it is no weather file.
    """

    def __init__(self, source: Source, file: ListedFile, known: Known | None, options: ReadOptions) -> None:
        self._raw = _Hashed(source.open(file))
        self.unchanged = False
        self.format: Format | None = None
        self._lines_before = 0
        self._content: Readable = self._raw
        if known and known.sha256 and known.status == "loaded" and known.size <= file.size:
            prefix = self._skip(known.size)
            if self._raw.size == known.size and self._raw.sha256() == known.sha256:
                self.unchanged = file.size == known.size
                if self.unchanged or self._only_appended(known, prefix):
                    return
            self._raw.close()
            self._raw = _Hashed(source.open(file))
        content = opened(self._raw)
        head, self._content = head_of(content, HEAD_BYTES)
        self.format = recognise(head, file.name, options)

    def _skip(self, size: int) -> _Prefix:
        prefix = _Prefix()
        while self._raw.size < size:
            data = self._raw.read(min(PIECE_BYTES, size - self._raw.size))
            if not data:
                break
            prefix.lines += data.count(b"\n")
            prefix.first = prefix.first or data[: len(GZIP_MAGIC)]
            prefix.last = data[-1:]
        return prefix

    def _only_appended(self, known: Known, prefix: _Prefix) -> bool:
        """Whether what follows the known beginning can be read by itself: whole lines of a format without a header."""
        known_format = format_named(known.format)
        if known_format is None or not known_format.appendable:
            return False
        if prefix.first == GZIP_MAGIC or prefix.last != b"\n":
            return False
        self.format = known_format
        self._lines_before = prefix.lines
        return True

    def pieces(self) -> Iterator[tuple[bytes, int]]:
        """Pieces of whole lines, each with the number of its first line in the file."""
        for piece, first_line in pieces(self._content, PIECE_BYTES):
            yield piece, first_line + self._lines_before

    @property
    def size(self) -> int:
        """Bytes read so far, as they are stored."""
        return self._raw.size

    def sha256(self) -> str:
        """The hash of what has been read so far: of the whole file once `pieces` has ended."""
        return self._raw.sha256()

    def close(self) -> None:
        """Let go of the file."""
        self._raw.close()
