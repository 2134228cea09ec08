"""What the requests of one process share."""

from __future__ import annotations

import dataclasses
from typing import cast

from flask import current_app

from app.extents import ExtentCache
from app.reads import Reads
from app.replica import ReplicaFirst, reads_of
from app.settings import ApiSettings
from app.versions import VersionReader

EXTENSION = "windsock"  # the key under Flask's `app.extensions`


@dataclasses.dataclass(frozen=True)
class State:
    """The connections to the database, and what is remembered of it."""

    settings: ApiSettings
    reads: Reads | ReplicaFirst
    versions: VersionReader
    extents: ExtentCache

    @classmethod
    def of(cls, settings: ApiSettings) -> State:
        """The state of a new process. Nothing is connected yet."""
        reads = reads_of(settings)
        return cls(settings, reads, VersionReader(reads), ExtentCache())


def state() -> State:
    """The state of the application that answers this request."""
    return cast("State", current_app.extensions[EXTENSION])
