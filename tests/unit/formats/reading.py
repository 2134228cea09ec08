"""What the tests of the readers share: a batch as plain rows."""

from __future__ import annotations

import datetime
import io
from collections.abc import Sequence

from worker.formats.batch import ABSENT, COLUMNS, MISSING, Batch, Reader
from worker.formats.pieces import pieces

Row = tuple[int, str, str, dict[str, int | None]]
"""Line, station, date, and the values that the line gives; None is missing."""


def rows(batch: Batch) -> list[Row]:
    """The batch's rows as a person would write them."""
    return [
        (
            int(line),
            batch.stations[station],
            str(datetime.date(1970, 1, 1) + datetime.timedelta(int(day))),
            {
                column: None if value == MISSING else int(value)
                for column, value in zip(COLUMNS, values, strict=True)
                if value != ABSENT
            },
        )
        for line, station, day, values in zip(batch.line, batch.station, batch.day, batch.values, strict=True)
    ]


def rejects(batch: Batch) -> list[tuple[int, str]]:
    """Number and reason of the lines that could not be read."""
    return [(one.line, one.reason) for one in sorted(batch.rejected, key=lambda one: one.line)]


Everything = tuple[list[Row], list[tuple[int, str]], int, int]


def everything(batches: Sequence[Batch]) -> Everything:
    """All that a file's batches say, however it was cut."""
    return (
        [row for batch in batches for row in rows(batch)],
        [reject for batch in batches for reject in rejects(batch)],
        sum(batch.lines_read for batch in batches),
        sum(batch.flagged for batch in batches),
    )


def line_by_line(reader: Reader, content: bytes) -> Everything:
    """What a reader makes of a file that it gets one line at a time."""
    *lines, last = content.split(b"\n")
    lines = [line + b"\n" for line in lines] + ([last] if last else [])
    return everything([reader.read(line, number) for number, line in enumerate(lines, 1)])


def in_pieces(reader: Reader, content: bytes, size: int) -> Everything:
    """What a reader makes of a file that is cut as the worker cuts it."""
    return everything([reader.read(piece, line) for piece, line in pieces(io.BytesIO(content), size)])
