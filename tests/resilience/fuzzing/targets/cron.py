"""Schedules."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from worker import cron

NOW = datetime.datetime(2025, 3, 30, 1, 30, tzinfo=datetime.UTC)


def seeds() -> Iterator[bytes]:
    """Schedules and time zones, good and bad."""
    yield b"0 6 * * *|UTC"
    yield b"*/15 0-5,22 1,15 jan-mar mon|Europe/Berlin"
    yield b"30 2 29 2 fri-sun|America/Chicago"
    yield b"0 0 31 2 *|Etc/GMT+12"
    yield b"60 24 0 13 8|../../etc/passwd"


def check(data: bytes) -> None:
    """It fires again, after now, at a time that it names; or it is refused with words."""
    text, _, zone = data.decode("utf-8", "replace").partition("|")
    try:
        schedule, named = cron.cron(text), cron.time_zone(zone)
    except ValueError as error:
        assert str(error)
        return
    found = cron.next_run(schedule, named, NOW)
    assert found > NOW
    assert cron.next_run(cron.cron(schedule), named, found) > found
