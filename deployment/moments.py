"""The moments that a database can be restored to, and the one that is meant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deployment.servers import RestoreError, Server

LATEST = "latest"
_ACCEPTED = "a time with its zone such as 2026-11-22T05:30:00Z, not in the future, or latest"


@dataclass(frozen=True)
class Window:
    """The moments that can be restored."""

    earliest: datetime
    latest: datetime

    def __str__(self) -> str:
        return f"from {stamp(self.earliest)} to {stamp(self.latest)}"


def moment(text: str, now: datetime) -> datetime | None:
    """The moment that is meant, None for the latest that can be had.

    Raises:
        RestoreError: It is not one; the message says what is accepted.
    """
    if text == LATEST:
        return None
    try:
        wanted = datetime.fromisoformat(text)
    except ValueError:
        raise RestoreError(f"to is {text!r}: it must be {_ACCEPTED}") from None
    if wanted.tzinfo is None:
        raise RestoreError(f"to is {text!r}, without a time zone: it must be {_ACCEPTED}")
    if wanted > now:
        raise RestoreError(f"to is {text!r}, which is in the future (it is {stamp(now)}): it must be {_ACCEPTED}")
    return wanted.astimezone(UTC)


def stamp(time: datetime) -> str:
    """A time in UTC as text, to the second."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def window(rds: Any, live: Server) -> Window:
    """The moments that the backups of a server reach.

    Raises:
        RestoreError: It has no backups.
    """
    name = live["DBInstanceIdentifier"]
    if not live["BackupRetentionPeriod"]:
        raise RestoreError(
            f"The server {name} keeps no backups, so no moment can be restored: give it some with BackupDays in "
            f"stack_parameters.database, for the next time."
        )
    found = rds.describe_db_instance_automated_backups(DbiResourceId=live["DbiResourceId"])[
        "DBInstanceAutomatedBackups"
    ]
    reach = next((each["RestoreWindow"] for each in found if each.get("RestoreWindow", {}).get("LatestTime")), None)
    if reach is None:
        raise RestoreError(
            f"The server {name} has no backup yet: AWS makes the first one when it is created, which may take an hour."
        )
    return Window(reach["EarliestTime"], reach["LatestTime"])


def check_in(reach: Window, wanted: datetime | None) -> None:
    """See that a moment can be restored.

    Raises:
        RestoreError: It is too early or too late.
    """
    if wanted is None:
        return
    if wanted < reach.earliest.replace(microsecond=0):
        raise RestoreError(
            f"{stamp(wanted)} is before the earliest moment that can be restored: backups reach {reach}. Older is only "
            f"what was kept otherwise: aws rds describe-db-snapshots, and servers that an earlier restore replaced."
        )
    if wanted > reach.latest:
        raise RestoreError(
            f"{stamp(wanted)} cannot be restored yet: backups reach {reach}, and follow by about five minutes. Wait "
            f"that long, or take -e to=latest."
        )
