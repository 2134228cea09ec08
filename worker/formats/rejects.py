"""The lines of a piece that could not be read."""

from __future__ import annotations

import dataclasses

from runtime.texts import visible
from worker.formats.batch import REJECTED_LINES_KEPT, RejectedLine
from worker.formats.values import REASON_KEPT, shown


@dataclasses.dataclass
class Rejects:
    """All are counted, the first are kept with their text: a damaged file may have millions of them."""

    lines: list[RejectedLine] = dataclasses.field(default_factory=list)
    count: int = 0

    def add(self, line: int, text: bytes, reason: str) -> None:
        """Reject the line of this number and text; the reason, which may repeat parts of it, is escaped and cut too."""
        self.count += 1
        if len(self.lines) < REJECTED_LINES_KEPT:
            self.lines.append(RejectedLine(line, shown(text), visible(reason)[:REASON_KEPT]))
