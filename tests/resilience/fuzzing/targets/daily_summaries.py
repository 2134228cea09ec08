"""NCEI daily summaries: a station-day a line, in columns that a header names."""

from __future__ import annotations

from collections.abc import Iterator

from tests.resilience.fuzzing import checks
from worker.formats.daily_summaries import DailySummariesReader, _header

SIZE = b"\x3f"
HEADER = b'"STATION","NAME","DATE","PRCP","SNOW","SNWD","TMAX","TMAX_ATTRIBUTES","TMIN"\n'


def seeds() -> Iterator[bytes]:
    """The usual lines, headers that change the order, other elements, mistakes."""
    yield SIZE + HEADER + b'"USW00025333","SITKA AIRPORT, AK US","2018-01-01","0.5",,,"4.8",",,W","-3.8"\n' * 2
    yield SIZE + HEADER + b'"USW00025333","S","2018-01-01","0.45",,,"4",",X,W","3"\r\n\n"a","","2018-02-30",,,,,,\n'
    yield SIZE + b"\xef\xbb\xbfSTATION,DATE,TMAX\nA B,2018-01-01,1\nSTATION,TMIN,DATE\nKoln,2,2018-01-02\n"
    yield SIZE + b"STATION,DATE,AWND\nUSW00025333,2018-01-01,3.2\nUSW00025333,2018-01-01,3.2,1\n"


def check(data: bytes) -> None:
    """Every line that is no header is counted, and is a row, rejected, or of other elements."""
    for units in ("metric", "standard"):
        content, batch = checks.read(lambda units=units: DailySummariesReader(units), data)  # type: ignore[misc]
        lines = [line for line in content.split(b"\n") if line.strip()]
        assert batch.lines_read == sum(_header(line.removeprefix(b"\xef\xbb\xbf")) is None for line in lines)
        assert len(batch.day) + batch.rejected_count <= batch.lines_read
        assert not {*batch.line.tolist()} & {one.line for one in batch.rejected}
