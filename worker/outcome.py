"""What became of a file: counted while it is read and stored, recorded in the ledger."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np

from worker.formats.batch import REJECTED_LINES_KEPT, Batch, RejectedLine
from worker.sources import ListedFile


@dataclasses.dataclass
class Stored:
    """What storing a file changed in the tables."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0

    def add(self, other: Stored) -> None:
        """Count what storing another part of the file changed."""
        self.inserted += other.inserted
        self.updated += other.updated
        self.unchanged += other.unchanged


class Combined(Protocol):
    """What `Rows` and `Reduced` say of lines for the same day."""

    @property
    def duplicates(self) -> int:
        """Lines that repeat what the file says elsewhere."""

    @property
    def contradicted(self) -> int:
        """Lines that a later one contradicts."""

    @property
    def superseded(self) -> list[RejectedLine]:
        """The first of those."""

    @property
    def warnings(self) -> int:
        """Days whose maximum temperature is below their minimum."""


@dataclasses.dataclass
class Outcome:
    """What became of one version of a file: the columns of `source_file`, and the lines for `rejected_line`."""

    file: ListedFile
    started_at: datetime.datetime
    status: str = "loaded"
    error: str | None = None
    version: str = ""
    size: int = 0
    sha256: str | None = None
    format: str | None = None
    rows_read: int = 0
    rows_inserted: int = 0
    rows_updated: int = 0
    rows_unchanged: int = 0
    rows_rejected: int = 0
    rows_duplicate: int = 0
    values_flagged: int = 0
    warnings: int = 0
    first_date: datetime.date | None = None
    last_date: datetime.date | None = None
    finished_at: datetime.datetime | None = None
    rejected: list[RejectedLine] = dataclasses.field(default_factory=list)

    @property
    def rows_changed(self) -> int:
        """Rows inserted or updated."""
        return self.rows_inserted + self.rows_updated

    def fail(self, status: Literal["failed", "interrupted"], error: str) -> None:
        """Note that nothing of the file is loaded, and why."""
        self.status, self.error = status, error
        self.size = self.file.size

    def reject(self, lines: Sequence[RejectedLine], count: int) -> None:
        """Count so many rejected lines, and keep the first of them, which are given."""
        self.rows_rejected += count
        self.rejected.extend(lines[: REJECTED_LINES_KEPT - len(self.rejected)])

    def read(self, batch: Batch) -> None:
        """Count what a piece of the file holds."""
        self.rows_read += batch.lines_read
        self.values_flagged += batch.flagged
        self.reject(batch.rejected, batch.rejected_count)
        if len(batch.day):
            first, last = _date(batch.day.min()), _date(batch.day.max())
            self.first_date = min(self.first_date or first, first)
            self.last_date = max(self.last_date or last, last)

    def put_together(self, rows: Combined) -> None:
        """Count what was seen when the rows of the file, or of a part of it, were put together."""
        self.rows_duplicate += rows.duplicates
        self.warnings += rows.warnings
        self.reject(rows.superseded, rows.contradicted)

    def stored(self, stored: Stored) -> None:
        """Note what storing the file changed."""
        self.rows_inserted, self.rows_updated = stored.inserted, stored.updated
        self.rows_unchanged = stored.unchanged


def now() -> datetime.datetime:
    """The present time, in UTC."""
    return datetime.datetime.now(datetime.UTC)


def _date(day: np.int32) -> datetime.date:
    return datetime.date(1970, 1, 1) + datetime.timedelta(days=int(day))
