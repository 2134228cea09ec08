"""What a pass is: what it counts, who may stop it, who is shown how far it is."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Protocol

from worker.outcome import Outcome, now

FAILURES_SHOWN = 20


class Stop(Protocol):
    """Asked between pieces of a file whether the pass is to end."""

    @property
    def requested(self) -> bool:
        """True once somebody wants the program to end."""
        ...


class Display(Protocol):
    """Shown to a person while the pass runs."""

    def found(self, files: int, size: int) -> None:
        """So many more files, of so many bytes together, are going to be read."""

    def advance(self, size: int) -> None:
        """So many more bytes have been read."""

    def finished(self, outcome: Outcome) -> None:
        """A file has been loaded, or has failed."""

    def end(self) -> None:
        """No more files."""


@dataclasses.dataclass
class Pass:
    """What a pass did. Rows are station-days; the sums are over the files that this pass has loaded."""

    trigger: str
    source: str
    generated: bool
    started_at: datetime.datetime
    id: int = 0
    status: str = "running"
    error: str | None = None
    finished_at: datetime.datetime | None = None
    files_found: int = 0
    files_unchanged: int = 0
    files_loaded: int = 0
    files_failed: int = 0
    rows_read: int = 0
    rows_inserted: int = 0
    rows_updated: int = 0
    rows_unchanged: int = 0
    rows_rejected: int = 0
    rows_duplicate: int = 0
    values_flagged: int = 0
    warnings: int = 0
    failures: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    failed_before: int = 0
    first_date: datetime.date | None = None
    last_date: datetime.date | None = None

    @property
    def seconds(self) -> float:
        """How long it took."""
        return ((self.finished_at or now()) - self.started_at).total_seconds()

    def count(self, outcome: Outcome) -> None:
        """Add what became of a file."""
        if outcome.status != "loaded":
            self.files_failed += 1
            if len(self.failures) < FAILURES_SHOWN:
                self.failures.append((outcome.file.uri, outcome.error or ""))
            return
        self.files_loaded += 1
        for name in ("read", "inserted", "updated", "unchanged", "rejected", "duplicate"):
            setattr(self, f"rows_{name}", getattr(self, f"rows_{name}") + getattr(outcome, f"rows_{name}"))
        self.values_flagged += outcome.values_flagged
        self.warnings += outcome.warnings
        if outcome.first_date and outcome.last_date:
            self.first_date = min(self.first_date or outcome.first_date, outcome.first_date)
            self.last_date = max(self.last_date or outcome.last_date, outcome.last_date)
