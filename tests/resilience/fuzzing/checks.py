"""What must hold of a reader and of every word that it says, whatever it reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tests.unit.formats.reading import everything, in_pieces, line_by_line
from worker.formats.batch import ABSENT, COLUMNS, MISSING, PHYSICAL_RANGE, Batch, Reader, RejectedLine
from worker.formats.values import BOM, REASON_KEPT, TEXT_KEPT, days_since_1970
from worker.rows import Collector, without_runs

ROOM = 1_000_000  # rows: all that a fuzzer's input can have
FIRST_DAY = -98_615  # 1700-01-01
LAST_DAY = 84_370  # 2200-12-31


def words(text: str, longest: int = 1_000) -> None:
    """A text for people: there is one, it is not endless, and no terminal or log takes it for anything else."""
    assert text
    assert len(text) <= longest, f"{len(text)} characters"
    assert text.replace("\t", "").isprintable(), repr(text)


def rejected(lines: Sequence[RejectedLine], last: int) -> None:
    """Lines that could not be read have a number, a text that can be stored and shown, and a reason."""
    for one in lines:
        assert 1 <= one.line <= last, one
        assert len(one.text) <= TEXT_KEPT
        assert one.text.replace("\t", "").isprintable(), repr(one.text)
        words(one.reason, REASON_KEPT)


def read(open_reader: Callable[[], Reader], data: bytes) -> tuple[bytes, Batch]:
    """Read a file: at once, line by line, and cut in pieces must say the same. The first byte says how long these are.

    Returns:
        The file's content, and what was read.
    """
    size, content = (data[0] + 1, data[1:]) if data else (1, b"")
    if not content:
        return content, Batch(
            *(np.empty(0, np.int32),) * 2, np.empty((0, 5), np.int16), np.empty(0, np.int64), [], 0, []
        )
    batch = open_reader().read(content, 1)
    said = everything([batch])
    assert said == line_by_line(open_reader(), content)
    assert said == in_pieces(open_reader(), content, size)
    _check(batch, content.count(b"\n") + 1)
    return content, batch


def lines_of(content: bytes) -> list[bytes]:
    """The lines of a file that are not blank, without the mark that may come before the first."""
    return [line for line in content.removeprefix(BOM).split(b"\n") if line.strip()]


def _check(batch: Batch, lines: int) -> None:
    rows = len(batch.day)
    assert batch.values.shape == (rows, len(COLUMNS))
    assert len(batch.station) == len(batch.line) == rows
    assert (batch.values != ABSENT).any(axis=1).all(), "a row that says nothing"
    for column, name in enumerate(COLUMNS):
        given = batch.values[:, column]
        given = given[(given != ABSENT) & (given != MISSING)]
        low, high = PHYSICAL_RANGE[name]
        assert ((given >= low) & (given <= high)).all(), name
    if rows:
        assert FIRST_DAY <= batch.day.min() <= batch.day.max() <= LAST_DAY
        assert 1 <= batch.line.min() <= batch.line.max() <= lines
        assert (np.diff(batch.line) >= 0).all(), "not in the order of the file"
        assert 0 <= batch.station.min() <= batch.station.max() < len(batch.stations)
    for code in batch.stations:
        words(code, 64)
    assert len(set(batch.stations)) == len(batch.stations)
    assert batch.rejected_count >= 0
    assert len(batch.rejected) <= batch.rejected_count
    rejected(batch.rejected, lines)
    _put_together(batch)


def _put_together(batch: Batch) -> None:
    collector = Collector()
    assert collector.add(without_runs(batch), ROOM)
    made = collector.rows()
    key = (made.station.astype(np.int64) << 32) + made.day
    assert (np.diff(key) > 0).all(), "a day twice"
    days = {(batch.stations[station], day) for station, day in zip(batch.station, batch.day.tolist(), strict=True)}
    stored = {(made.stations[station], day) for station, day in zip(made.station, made.day.tolist(), strict=True)}
    assert stored == days, "a day that was read and not stored"
    assert len(made.day) + made.duplicates + made.contradicted <= len(batch.day)


assert days_since_1970(*(np.array([one], np.int32) for one in (1700, 1, 1)))[0][0] == FIRST_DAY
assert days_since_1970(*(np.array([one], np.int32) for one in (2200, 12, 31)))[0][0] == LAST_DAY
