"""Streams cut into pieces of whole lines, compressed or not."""

from __future__ import annotations

import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.formats.pieces import LONGEST_LINE, UnreadableFileError, head_of, opened, pieces


class Counted(io.BytesIO):
    """Bytes that say how much of them was read."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


@given(st.binary(max_size=300).map(lambda content: content.replace(b"x", b"\n")), st.integers(1, 50))
def test_pieces_are_whole_lines_with_their_numbers(content: bytes, size: int) -> None:
    found = list(pieces(io.BytesIO(content), size))
    assert b"".join(piece for piece, _ in found) == content
    line = 1
    for number, (piece, first_line) in enumerate(found, 1):
        assert first_line == line
        assert piece.endswith(b"\n") or number == len(found)
        line += piece.count(b"\n")


def test_a_line_without_end_is_not_held() -> None:
    stream = Counted(b"a\n" + b"x" * 20 * LONGEST_LINE)
    with pytest.raises(UnreadableFileError, match=r"line 2 is longer than 1,048,576 bytes: this is no weather file"):
        list(pieces(stream, 1 << 16))
    assert stream.taken < 2 * LONGEST_LINE


@given(st.lists(st.binary(max_size=5000), min_size=1, max_size=4), st.integers(1, 3000))
def test_gzip_of_several_members(members: list[bytes], size: int) -> None:
    stream = opened(io.BytesIO(b"".join(gzip.compress(member) for member in members) + bytes(20)))
    parts = []
    while part := stream.read(size):
        assert len(part) <= size
        parts.append(part)
    assert b"".join(parts) == b"".join(members)


@pytest.mark.parametrize("kept", [3, 9, 15, 500, -1, -8, -9])
def test_gzip_that_is_cut_off(kept: int) -> None:
    content = gzip.compress(bytes(range(256)) * 20 + b"".join(number.to_bytes(4) for number in range(5000)))
    with pytest.raises(
        UnreadableFileError, match="the gzip data ends early: the file was cut off, nothing of it is loaded"
    ):
        list(pieces(opened(io.BytesIO(content[:kept])), 1000))


def test_gzip_that_is_damaged() -> None:
    content = bytearray(gzip.compress(b"".join(number.to_bytes(4) for number in range(5000))))
    content[2000] ^= 0xFF
    with pytest.raises(UnreadableFileError, match="the gzip data is damaged"):
        list(pieces(opened(io.BytesIO(bytes(content))), 1000))


def test_what_follows_gzip_and_is_none_is_damage() -> None:
    with pytest.raises(UnreadableFileError, match="the gzip data is damaged"):
        list(pieces(opened(io.BytesIO(gzip.compress(b"line\n") + b"more text")), 1000))


def test_a_small_file_that_grows_large_is_read_in_portions() -> None:
    stream = opened(io.BytesIO(gzip.compress(bytes(50_000_000), 9)))
    largest = 0
    while part := stream.read(1 << 20):
        largest = max(largest, len(part))
    assert largest <= 1 << 20


@pytest.mark.parametrize("content", [b"", b"\x1f", b"text\n"])
def test_what_is_no_gzip_is_read_as_it_is(content: bytes) -> None:
    assert b"".join(piece for piece, _ in pieces(opened(io.BytesIO(content)), 3)) == content


@given(st.binary(max_size=50), st.integers(0, 60), st.integers(1, 20))
def test_a_head_is_read_and_put_back(content: bytes, size: int, portion: int) -> None:
    head, rest = head_of(io.BytesIO(content), size)
    assert head == content[:size]
    parts = []
    while part := rest.read(portion):
        parts.append(part)
    assert b"".join(parts) == content


LINES = b"".join(b"198501%02d\t%d\t2\t3\n" % (day, day) for day in range(1, 29))


@pytest.mark.parametrize("lost", [*range(1, 30), 60])
def test_a_second_member_that_is_cut_off(lost: int) -> None:
    second = gzip.compress(LINES)
    content = gzip.compress(LINES) + second[:-lost]
    with pytest.raises(UnreadableFileError, match="the gzip data ends early"):
        list(pieces(opened(io.BytesIO(content)), 100))


def test_a_line_may_go_over_the_end_of_a_member() -> None:
    content = gzip.compress(b"a\nb") + gzip.compress(b"") + gzip.compress(b"c\nd")
    assert list(pieces(opened(io.BytesIO(content)), 100)) == [(b"a\n", 1), (b"bc\n", 2), (b"d", 3)]


@pytest.mark.parametrize("zeros", [1, 1 << 18, 700_000])
def test_padding_of_any_length_is_no_damage(zeros: int) -> None:
    member = gzip.compress(LINES)
    content = member + bytes(zeros)
    assert b"".join(piece for piece, _ in pieces(opened(io.BytesIO(content)), 100)) == LINES
    content += member
    assert b"".join(piece for piece, _ in pieces(opened(io.BytesIO(content)), 100)) == LINES * 2
    with pytest.raises(UnreadableFileError, match="the gzip data is damaged: something else follows it"):
        list(pieces(opened(io.BytesIO(member + bytes(zeros) + b"x")), 100))


class Dripping(io.BytesIO):
    """Bytes that come one at a time, as from a slow network."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(1, size) if size is not None and size >= 0 else 1)


TWO_MEMBERS = gzip.compress(LINES[:200]) + gzip.compress(LINES[200:])


@pytest.mark.parametrize("content", [LINES, LINES.rstrip(), TWO_MEMBERS], ids=["lines", "without the last end", "gzip"])
def test_a_stream_that_gives_less_than_is_asked_for(content: bytes) -> None:
    found = list(pieces(opened(Dripping(content)), 1000))
    assert b"".join(piece for piece, _ in found).rstrip() == LINES.rstrip()
    assert [line for _, line in found] == list(range(1, 29))


def test_the_longest_line_that_is_read() -> None:
    line = b"x" * LONGEST_LINE
    assert list(pieces(io.BytesIO(line), 1 << 16)) == [(line, 1)]
    with pytest.raises(UnreadableFileError, match="line 1 is longer"):
        list(pieces(io.BytesIO(line + b"x"), 1 << 16))


def test_nothing_has_no_pieces() -> None:
    assert list(pieces(opened(io.BytesIO(b"")), 100)) == []
    assert list(pieces(opened(io.BytesIO(gzip.compress(b""))), 100)) == []
