"""What is known of a format, whichever it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal

from worker.formats.batch import Reader


class UnrecognisedFileError(Exception):
    """The file is not weather data in a format that is read here; the text says what it is, and what to do."""


@dataclasses.dataclass(frozen=True)
class ReadOptions:
    """What a file does not say of itself: the units of NCEI daily summaries, `metric` or `standard`."""

    daily_summaries_units: str | None = None


@dataclasses.dataclass(frozen=True)
class Format:
    """A format of files.

    name: as in the ledger; title: for people
    matches: whether any of a file's first lines is of this format
    open_reader: a reader for a file of this name; it may raise `UnrecognisedFileError`
    kind: observations, or descriptions of stations
    appendable: whether the lines after a known beginning can be read and stored without it; not where a day has several
    """

    name: str
    title: str
    matches: Callable[[Sequence[bytes]], bool]
    open_reader: Callable[[str, ReadOptions], Reader] | None
    kind: Literal["observations", "stations"] = "observations"
    appendable: bool = False
