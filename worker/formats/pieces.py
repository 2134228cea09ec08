"""A byte stream cut into pieces of whole lines, decompressed where it is gzip; only a few pieces are in memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Protocol

from isal import igzip_lib, isal_zlib

GZIP_MAGIC = b"\x1f\x8b"
LONGEST_LINE = 1 << 20

# The stubs of isal take its exception for a value.
_BROKEN: tuple[type[Exception], ...] = (zlib.error, igzip_lib.IsalError)  # type: ignore[assignment]

# What is decompressed at a time: a gzip of zeros grows a thousandfold, so its output is asked for in bounded portions.
_PORTION = 1 << 18

_GZIP = 16 + zlib.MAX_WBITS  # of the two formats that zlib knows, the one with a header and checksum of gzip


class UnreadableFileError(Exception):
    """The file cannot be read to its end: broken compression, or a line without end. The text says which and where."""


class Readable(Protocol):
    """What can be read from, at most `size` bytes at a time, none at the end."""

    def read(self, size: int, /) -> bytes:
        """The next bytes."""
        ...


def opened(stream: Readable) -> Readable:
    """The content of a stream: decompressed if it begins as gzip does, else as it is."""
    head = _read_fully(stream, len(GZIP_MAGIC))
    rest = Rewound(head, stream)
    return _Gunzipped(rest) if head == GZIP_MAGIC else rest


def head_of(stream: Readable, size: int) -> tuple[bytes, Readable]:
    """The first `size` bytes of a stream (fewer where it is shorter), and the stream as if they had not been read."""
    head = _read_fully(stream, size)
    return head, Rewound(head, stream)


def pieces(stream: Readable, size: int) -> Iterator[tuple[bytes, int]]:
    """Pieces of whole lines of about `size` bytes, each with the number of its first line, counted from 1.

    Raises:
        UnreadableFileError: a line is longer than any weather file's, or the compressed data is broken.
    """
    rest, line = b"", 1
    while data := stream.read(size):
        end = data.rfind(b"\n") + 1
        if not end:
            rest += data
            if len(rest) > LONGEST_LINE:
                raise UnreadableFileError(f"line {line} is longer than {LONGEST_LINE:,} bytes: this is no weather file")
            continue
        piece, rest = rest + data[:end], data[end:]
        yield piece, line
        line += piece.count(b"\n")
    if rest:
        yield rest, line


class Rewound:
    """A stream with bytes put back before it."""

    def __init__(self, head: bytes, stream: Readable) -> None:
        self._head = head
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        """The next bytes, those put back first."""
        if self._head:
            data, self._head = self._head[:size], self._head[size:]
            return data
        return self._stream.read(size)


class _Gunzipped:
    """The content of a gzip stream of one or more members (RFC 1952, section 2.2)."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._member = isal_zlib.decompressobj(wbits=_GZIP)
        self._input = b""
        self._started = False

    def read(self, size: int, /) -> bytes:
        """The next bytes of the content."""
        while True:
            if not self._input:
                self._input = self._stream.read(_PORTION)
            ended = not self._input
            if not self._started:
                if ended:
                    return b""
                # Zeros after the last member are padding, as tar and tapes leave it; gzip(1) ignores them too.
                self._input = self._input.lstrip(b"\0")
                if not self._input:
                    continue
                if not self._input.startswith(GZIP_MAGIC[: len(self._input)]):
                    raise UnreadableFileError("the gzip data is damaged: something else follows it; nothing is loaded")
            try:
                data: bytes = self._member.decompress(self._input, min(size, _PORTION))
            except _BROKEN as error:
                raise UnreadableFileError(
                    f"the gzip data is damaged ({error}): nothing of the file is loaded"
                ) from error
            self._started = True
            if self._member.eof:
                self._input = self._member.unused_data
                self._member, self._started = isal_zlib.decompressobj(wbits=_GZIP), False
            else:
                self._input = self._member.unconsumed_tail
            if data:
                return data
            if ended and self._started:
                raise UnreadableFileError("the gzip data ends early: the file was cut off, nothing of it is loaded")


def _read_fully(stream: Readable, size: int) -> bytes:
    parts: list[bytes] = []
    while size > 0 and (data := stream.read(size)):
        parts.append(data)
        size -= len(data)
    return b"".join(parts)
