"""Files that are far larger than they look: they cost no memory, and the files beside them are loaded."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from bench.memory import peak_memory_mb
from tests.conftest import Database, unmeasured
from tests.integration.ingesting import a_year, environment, observations, station_lines
from tests.integration.test_memory import LIMIT_MB
from tests.resilience.trials import Trial

GOOD = station_lines(a_year(2000)).encode()
HEADER = b"ID,DATE,ELEMENT,DATA_VALUE,M_FLAG,Q_FLAG,S_FLAG,OBS_TIME"
USUAL = b"USC00000009,20000101,TMAX,1,,,7,\n"
GB = 1 << 30

# A pass with a failed file ends with status 1, which here is as it should be.
WHATEVER_ITS_STATUS = """
import runpy
try:
    runpy.run_module("worker", run_name="__main__")
except SystemExit:
    pass
"""


def gzipped(parts: Iterator[bytes]) -> Iterator[bytes]:
    """The parts, compressed as they come."""
    packer = zlib.compressobj(9, wbits=31)
    for part in parts:
        yield packer.compress(part)
    yield packer.flush()


def endless(part: bytes, size: int) -> Iterator[bytes]:
    """So many bytes of the same."""
    for _ in range(size // len(part)):
        yield part


def begun(beginning: bytes, parts: Iterator[bytes]) -> Iterator[bytes]:
    """A good beginning before them."""
    yield beginning
    yield from parts


MB = bytes(1 << 20)
BOMBS: Mapping[str, tuple[Callable[[int], Iterator[bytes]], str]] = {
    "zeros": (lambda size: gzipped(endless(MB, size)), "it is binary data"),
    "one endless line": (lambda size: gzipped(begun(USUAL, endless(b"x" * len(MB), size))), "line 2 is longer than"),
    "zeros after a good line": (lambda size: gzipped(begun(USUAL, endless(MB, size))), "line 2 is longer than"),
    "gzip in gzip": (lambda size: gzipped(gzipped(endless(MB, size))), "gzip data inside gzip data"),
    "members without content": (lambda size: begun(gzip.compress(USUAL), endless(gzip.compress(b""), size >> 12)), ""),
    "lines as long as they may be": (
        lambda size: gzipped(endless(b"x" * ((1 << 20) - 1) + b"\n", size >> 3)),
        "no line",
    ),
    "a header of very many columns": (
        lambda size: begun(
            HEADER + b"".join(b",C%d" % n for n in range(130_000)) + b"\n", endless(b"x,y\n", size >> 13)
        ),
        "none of its",
    ),
}


@pytest.mark.parametrize("what", BOMBS)
def test_a_bomb_costs_no_memory(database: Database, tmp_path: Path, trial: Trial, full: bool, what: str) -> None:
    make, reason = BOMBS[what]
    size = 10 * GB if full else GB // 4
    (tmp_path / "USC00000001.txt").write_bytes(GOOD)
    with (tmp_path / "bomb.csv.gz").open("wb") as file:
        file.writelines(make(size))
    megabytes = peak(database, tmp_path)
    assert megabytes < LIMIT_MB
    [(status, error)] = database.rows("SELECT status, error FROM source_file WHERE uri LIKE '%%/bomb.csv.gz'")
    assert (status == "failed", reason in str(error or "")) == (bool(reason), True), (status, error)
    stations = {row[0] for row in observations(database)}
    assert stations == ({"USC00000001"} if reason else {"USC00000001", "USC00000009"})
    [(largest,)] = database.rows("SELECT coalesce(max(length(reason)), 0) FROM rejected_line")
    assert int(str(largest)) <= 500
    trial.what, trial.times, trial.seen = (
        f"a gzip bomb: {what}",
        1,
        f"{megabytes:.0f} MB at most; {error or 'loaded'}"[:90],
    )


def peak(database: Database, folder: Path) -> float:
    """The most memory that a pass over the folder takes; it may end with a failed file."""
    variables = environment(database, folder)
    return peak_memory_mb([sys.executable, "-c", WHATEVER_ITS_STATUS, "ingest"], unmeasured(variables))


@pytest.mark.parametrize(("beginning", "reason"), [(b"", "it is binary data"), (USUAL, "line 2 is longer than")])
def test_a_line_of_10_gb_costs_no_memory(
    database: Database, tmp_path: Path, trial: Trial, beginning: bytes, reason: str
) -> None:
    (tmp_path / "USC00000001.txt").write_bytes(GOOD)
    with (tmp_path / "long.csv").open("wb") as file:
        file.write(beginning)
        file.truncate(10 * GB)  # sparse: it takes no room on the disk
    megabytes = peak(database, tmp_path)
    assert megabytes < LIMIT_MB
    [(error,)] = database.rows("SELECT error FROM source_file WHERE status = 'failed'")
    assert reason in str(error)
    assert len(observations(database)) == len(a_year(2000))
    trial.what, trial.times, trial.seen = (
        f"a line of 10 GB {'after a good one' * bool(beginning)}",
        1,
        f"{megabytes:.0f} MB",
    )
