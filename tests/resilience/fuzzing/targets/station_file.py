"""Station files: one station a file, one day a line."""

from __future__ import annotations

from collections.abc import Iterator

from tests.resilience.fuzzing import checks
from worker.formats.station_file import StationFileReader
from worker.sample import _station_file
from worker.weather_generator import Weather, sites

SIZE = b"\x3f"


def seeds() -> Iterator[bytes]:
    """Generated weather, and lines that are not as usual."""
    weather = Weather(1, 2000, 2000)
    lines = _station_file(weather.records(next(iter(sites(weather, 1))))).encode().splitlines(keepends=True)
    yield SIZE + b"".join(lines[:30])
    yield SIZE + b"".join(lines[:3])
    yield SIZE + b"\xef\xbb\xbf20000101\t-9999\t+5\t0\r\n\r\n20000230\t1\t2\t3\n2000\t1\t2\n\x1a"
    yield SIZE + b"".join(lines[:21]) + b"20000101\t99999\t   50\t    0\n20000101\t  100\t   50\t    0\n"


def check(data: bytes) -> None:
    """Every line that is not blank is a row or rejected."""
    _, batch = checks.read(lambda: StationFileReader("USC00110072.txt"), data)
    assert len(batch.day) + batch.rejected_count == batch.lines_read
    assert not {*batch.line.tolist()} & {one.line for one in batch.rejected}
