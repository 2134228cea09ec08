"""Rows in the binary format of COPY, made by NumPy a block at a time.

https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format": for each row the number of its fields as int16,
for each field its length in bytes as int32 (-1 for NULL, and then nothing) and its bytes, all big-endian; around the
rows a signature with two int32 of flags and extension, and an int16 of -1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

# PostgreSQL counts days from 2000-01-01, NumPy from 1970-01-01.
EPOCH_OFFSET_DAYS = 10_957

# Small enough to stay in the processor's cache, large enough that Python's share does not count.
BLOCK_ROWS = 8_192


def binary_rows(
    station_id: NDArray[np.int32],
    day: NDArray[np.int32],
    smallints: Sequence[NDArray[np.int16]],
    null: int,
    bigints: Sequence[NDArray[np.int64]] = (),
) -> Iterator[bytes]:
    """The rows (station_id integer, date, smallint ..., bigint ...) as COPY takes them, without header and trailer.

    `day` counts from 1970-01-01. A smallint that equals `null` becomes NULL.
    """
    for start in range(0, len(day), BLOCK_ROWS):
        part = slice(start, start + BLOCK_ROWS)
        yield _block(
            station_id[part], day[part], [column[part] for column in smallints], null, [c[part] for c in bigints]
        )


def _block(
    station_id: NDArray[np.int32],
    day: NDArray[np.int32],
    smallints: Sequence[NDArray[np.int16]],
    null: int,
    bigints: Sequence[NDArray[np.int64]],
) -> bytes:
    fields = [("fields", ">i2"), ("id_length", ">i4"), ("id", ">i4"), ("date_length", ">i4"), ("date", ">i4")]
    for number in range(len(smallints)):
        fields += [(f"small_length{number}", ">i4"), (f"small{number}", ">i2")]
    for number in range(len(bigints)):
        fields += [(f"big_length{number}", ">i4"), (f"big{number}", ">i8")]
    rows = np.empty(len(day), np.dtype(fields))
    rows["fields"] = 2 + len(smallints) + len(bigints)
    rows["id_length"] = 4
    rows["id"] = station_id
    rows["date_length"] = 4
    rows["date"] = day - EPOCH_OFFSET_DAYS
    for number, wide in enumerate(bigints):
        rows[f"big_length{number}"] = 8
        rows[f"big{number}"] = wide
    kept = None  # which bytes of the fixed-width rows are sent: all but the values of NULLs
    for number, column in enumerate(smallints):
        missing = column == null
        rows[f"small{number}"] = column
        rows[f"small_length{number}"] = np.where(missing, -1, 2)
        if missing.any():
            if kept is None:
                kept = np.ones((len(rows), rows.itemsize), bool)
            offset = rows.dtype.fields[f"small{number}"][1]  # type: ignore[index]  # it has fields
            kept[:, offset] = kept[:, offset + 1] = ~missing
    if kept is None:
        return rows.tobytes()
    return rows.view(np.uint8).reshape(len(rows), -1)[kept].tobytes()
