"""GHCN-Daily `.dly`: a station, a month and an element a line."""

from __future__ import annotations

from collections.abc import Iterator

from tests.resilience.fuzzing import checks
from worker.formats.ghcn_dly import DlyReader

SIZE = b"\x7f"
JANUARY = b"USC00110072200001TMAX" + b"  100  7" * 31 + b"\n"


def seeds() -> Iterator[bytes]:
    """Full months, flags, days that are not, lines that are cut off."""
    yield SIZE + JANUARY
    yield SIZE + JANUARY * 2 + JANUARY.replace(b"TMAX", b"PRCP").replace(b"  100  7", b"-9999   ", 3)
    yield SIZE + b"\xef\xbb\xbf" + JANUARY.replace(b"200001", b"200002").replace(b"\n", b"\r\n")
    yield SIZE + JANUARY.replace(b"  100  7", b"  100 X7", 5) + JANUARY.replace(b"  100", b"99999", 2)
    yield SIZE + JANUARY.replace(b"TMAX", b"WT01") + JANUARY[:200] + b"\n" + JANUARY[:-4]


def check(data: bytes) -> None:
    """Every line that is not blank is counted, and no more days are loaded or rejected than there are in the lines."""
    content, batch = checks.read(DlyReader, data)
    lines = checks.lines_of(content)
    assert batch.lines_read == len(lines)
    assert len(batch.day) + batch.rejected_count <= 31 * len(lines)
    assert all(len(code) == 11 for code in batch.stations)
