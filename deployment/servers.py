"""The database servers of a deployment: the one that lives, the one restored beside it, those that it replaced."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from deployment.events import Say

RESTORED = "-restored"
BEFORE = "-before-"
LONGEST_NAME = 63
"""What RDS allows."""
MOMENT_TAG = "windsock:restored-to"
"""The moment that a restored server's data are of: on that server, and when it has replaced another, on that one."""
ASKED_TAG = "windsock:restore-asked-for"
"""On a restored server: what was asked for, that moment or `latest`."""

Server = Mapping[str, Any]
"""As `describe_db_instances` gives it."""

_BUSY_PAUSE_S = 5.0
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html
_HOPELESS = (
    "failed",
    "inaccessible-encryption-credentials",
    "incompatible-network",
    "incompatible-option-group",
    "incompatible-parameters",
    "incompatible-restore",
    "insufficient-capacity",
    "restore-error",
    "stopped",
    "storage-full",
)


class RestoreError(Exception):
    """A restore or a switch cannot be or did not work; the message says why, what is left and how to go on."""


@dataclass(frozen=True)
class Found:
    """The servers of one database."""

    identifier: str
    """The name that the programs' address is made of."""
    live: Server | None
    restored: Server | None
    before: Sequence[Server]
    """Those that had the name earlier, the latest last."""

    @property
    def half_switched(self) -> bool:
        """Whether nobody has the name, since a switch was interrupted between its two renames."""
        return self.live is None and self.restored is not None and bool(self.before)

    @property
    def switched_to(self) -> str:
        """The moment that the last switch has brought back, when no other restored server waits; else empty."""
        if self.live is None or self.restored is not None:
            return ""
        latest = self.before[-1] if self.before else {}
        return tags(self.live).get(MOMENT_TAG) or tags(latest).get(MOMENT_TAG, "")


def look(rds: Any, identifier: str) -> Found:
    """What there is now."""
    servers = {each["DBInstanceIdentifier"]: each for each in _all(rds)}
    earlier = re.compile(re.escape(identifier + BEFORE) + r"\d{12}")
    return Found(
        identifier,
        servers.get(identifier),
        servers.get(identifier + RESTORED),
        [servers[name] for name in sorted(servers) if earlier.fullmatch(name)],
    )


def name_before(identifier: str, now: datetime) -> str:
    """The name that a server gets which is replaced at a time.

    Raises:
        RestoreError: It would be too long.
    """
    name = f"{identifier}{BEFORE}{now:%Y%m%d%H%M}"
    if len(name) > LONGEST_NAME:
        raise RestoreError(
            f"The server {identifier} would be renamed to {name}, and RDS allows {LONGEST_NAME} characters: restore by "
            f"the stack's parameters instead, as docs/restore.md says under 'By the stack'."
        )
    return name


def tags(server: Server) -> dict[str, str]:
    """The tags of a server."""
    return {tag["Key"]: tag["Value"] for tag in server.get("TagList", [])}


def until(rds: Any, resource_id: str, done: Callable[[Server], bool], say: Say, deadline_s: float, what: str) -> Server:
    """Wait for something of a server, with a line for each change of its name or state.

    Args:
        rds: The client.
        resource_id: The server's id (`db-...`), which stays the same when its name changes.
        done: Whether it is so. It has to be twice in a row: RDS may begin what was asked for a moment later.
        say: Shows a line.
        deadline_s: How long to wait.
        what: What is waited for, such as "restored".

    Raises:
        RestoreError: It got into a state that it does not leave by itself, it is gone, or the deadline passed.
    """
    begun, shown, was_done, pause_s = time.monotonic(), "", False, 0.5
    while True:
        server = next((each for each in _all(rds) if each["DbiResourceId"] == resource_id), None)
        if server is None:
            raise RestoreError(f"The server {resource_id} is gone: it was deleted while it was to be {what}")
        name, status = server["DBInstanceIdentifier"], server["DBInstanceStatus"]
        waited = time.monotonic() - begun
        if (line := f"{name} is {status}") != shown:
            if shown or status != "available":  # that nothing has to be waited for is no news
                say(f"{line} (after {waited:.0f} s)" if shown else line)
            shown = line
        if status in _HOPELESS:
            raise RestoreError(
                f"The server {name} is {status}, and does not leave that by itself. Why: aws rds describe-events "
                f"--source-type db-instance --source-identifier {name} --duration 1440"
            )
        if status == "available" and not server.get("PendingModifiedValues") and done(server):
            if was_done:
                return server
            was_done = True
        else:
            was_done = False
        if waited > deadline_s:
            raise RestoreError(
                f"The server {name} is {status} and not {what} after {deadline_s / 60:g} minutes. AWS goes on with it: "
                f"run this again to go on waiting; -e restore_deadline_minutes=... waits longer."
            )
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.2, 10.0)


def modify(rds: Any, resource_id: str, wish: Mapping[str, Any], say: Say, deadline_s: float) -> None:
    """Ask RDS to change a server at once; what it is busy with, such as its first backup, is waited for.

    Raises:
        RestoreError: As `until`.
    """
    begun = time.monotonic()
    while True:
        server = until(rds, resource_id, lambda _: True, say, deadline_s, "available")
        try:
            rds.modify_db_instance(DBInstanceIdentifier=server["DBInstanceIdentifier"], ApplyImmediately=True, **wish)
        except ClientError as error:
            busy = error.response["Error"]["Code"].startswith("InvalidDBInstanceState")
            if not busy or time.monotonic() - begun > deadline_s:
                raise
            time.sleep(_BUSY_PAUSE_S)
        else:
            return


def until_gone(rds: Any, resource_id: str, say: Say, deadline_s: float) -> None:
    """Wait until a server that is being deleted is gone.

    Raises:
        RestoreError: The deadline passed.
    """
    begun, pause_s = time.monotonic(), 0.5
    while any(each["DbiResourceId"] == resource_id for each in _all(rds)):
        if time.monotonic() - begun > deadline_s:
            raise RestoreError(
                f"{resource_id} is still being deleted after {deadline_s / 60:g} minutes: look again later"
            )
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.2, 10.0)
    say(f"{resource_id} is gone")


def _all(rds: Any) -> list[Server]:
    return [server for page in rds.get_paginator("describe_db_instances").paginate() for server in page["DBInstances"]]
