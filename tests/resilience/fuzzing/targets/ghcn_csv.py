"""GHCN-Daily CSV: an observation of one element a line."""

from __future__ import annotations

from collections.abc import Iterator

from tests.resilience.fuzzing import checks
from worker.formats.ghcn_csv import CsvReader, _header

SIZE = b"\x3f"
USUAL = (
    b"USC00110072,20000101,TMAX,-75,,,7,\nUSC00110072,20000101,PRCP,0,T,,7,0700\n"
    b"USC00110072,20000101,TOBS,-75,,,7,\nITE00100554,20000229,SNWD,-9999,,,E,\nITE00100554,20000229,TMIN,66,,I,E,\n"
)


def seeds() -> Iterator[bytes]:
    """The usual lines, headers that change the order, quotes and mistakes."""
    yield SIZE + USUAL
    yield SIZE + b"ID,DATE,ELEMENT,DATA_VALUE,M_FLAG,Q_FLAG,S_FLAG,OBS_TIME\n" + USUAL * 3
    yield (
        SIZE
        + b'\xef\xbb\xbf"STATION","DATE","ELEMENT","DATA_VALUE","Q_FLAG"\n"ITE00100554","2000-01-01","TMAX","1",""\r\n'
    )
    yield SIZE + USUAL + b"DATE,ID,ELEMENT,Q_FLAG,DATA_VALUE\n20000101,USC00110072,SNOW,,3\n" + USUAL
    yield (
        SIZE + b"USC00110072,20000230,TMAX,1,,,\nUSC,20000101,TMAX,1,,,\nUSC00110072,20000101,TMAX,999999,,,7,\n\n,,,\n"
    )


def check(data: bytes) -> None:
    """Every line that is no header is counted, and of those of an element that is loaded each is a row or rejected."""
    content, batch = checks.read(CsvReader, data)
    assert batch.lines_read == sum(_header(line) is None for line in checks.lines_of(content))
    assert len(batch.day) + batch.rejected_count <= batch.lines_read
    assert not {*batch.line.tolist()} & {one.line for one in batch.rejected}
    assert all(len(code) == 11 for code in batch.stations)
