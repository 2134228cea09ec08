"""What the programs logged, from CloudWatch."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PAUSE_S = 2.0
# CloudWatch may take so long until a line can be read; a line that comes late is still shown.
_LATE = timedelta(seconds=60)


def since(text: str) -> datetime:
    """The time that is meant by `90s`, `15m`, `1h`, `2d`, `1w`, or by a time such as 2026-11-23T06:00.

    Raises:
        ValueError: It is neither; the message says what is accepted.
    """
    if match := re.fullmatch(r"(\d{1,6})([smhdw])", text.strip()):
        return datetime.now(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"since is {text!r}: it must be like 15m, 1h or 2d, or a time like 2026-11-23T06:00") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def lines(client: Any, groups: list[str], start: datetime, *, follow: bool = False) -> Iterator[str]:
    """The lines of log groups since a time, in the order of time.

    Args:
        client: CloudWatch Logs.
        groups: The names of the groups.
        start: The first time that is wanted.
        follow: Whether to go on with what comes, for ever.
    """
    shown: dict[str, int] = {}
    while True:
        for event in sorted(_events(client, groups, start), key=lambda event: event["timestamp"]):
            if event["eventId"] not in shown:
                shown[event["eventId"]] = event["timestamp"]
                yield event["message"].rstrip("\n")
        if not follow:
            return
        start = max(start, datetime.now(UTC) - _LATE)
        shown = {key: moment for key, moment in shown.items() if moment >= start.timestamp() * 1000}
        time.sleep(_PAUSE_S)


def tail(client: Any, group: str, stream: str, count: int) -> list[str]:
    """The last lines of one stream; none where there is no such stream."""
    try:
        answer = client.get_log_events(logGroupName=group, logStreamName=stream, limit=count, startFromHead=False)
    except client.exceptions.ResourceNotFoundException:
        return []
    return [event["message"].rstrip("\n") for event in answer["events"]]


def _events(client: Any, groups: list[str], start: datetime) -> Iterator[dict[str, Any]]:
    for group in groups:
        pages = client.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=int(start.timestamp() * 1000)
        )
        for page in pages:
            yield from page["events"]
