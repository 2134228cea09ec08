"""Figures: what was measured, against what, what it must reach, whether it did."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Figure:
    """Something measured several times; the median counts.

    what: in words for the table; reference: what it is compared with, or the unit where it is compared with nothing
    bound, limit: what the median must keep to; a figure without a limit is shown for comparison
    """

    what: str
    reference: str
    values: list[float]
    bound: Literal["at least", "at most"] = "at least"
    limit: float | None = None

    @property
    def median(self) -> float:
        """The middle one of the values."""
        return statistics.median(self.values)

    @property
    def passed(self) -> bool | None:
        """Whether the median keeps to the limit; None where there is none."""
        if self.limit is None:
            return None
        return self.median >= self.limit if self.bound == "at least" else self.median <= self.limit


def timed(action: Callable[[], object]) -> float:
    """Seconds that the action takes."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def ratios(reference: Callable[[], float], ours: Callable[[], float], runs: int) -> list[float]:
    """The reference's seconds over ours, measured in turn, so that a machine that slows down slows both."""
    found = []
    for _ in range(runs):
        seconds = reference()
        found.append(seconds / ours())
    return found
