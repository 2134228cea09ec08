"""Starting a look for new files as the schedule does, and when the schedule does it next."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from deployment.session import Place

# A little more than the function's own timeout in ingestion.yaml.
_ANSWER_S = 310.0


class CheckError(Exception):
    """The checker failed; the message says why and where to look."""


@dataclass(frozen=True)
class Schedule:
    """When files are looked for."""

    expression: str
    time_zone: str
    enabled: bool
    next: str
    """The next time, as text; empty where it is not one time a day."""


def check(place: Place, function: str, now: datetime) -> dict[str, Any]:
    """Call the checker as the schedule does, and wait for its answer.

    Args:
        place: The account and region.
        function: The checker's name.
        now: The time, by which this call is told from others.

    Returns:
        What the checker decided: see `worker.checker`.

    Raises:
        CheckError: It failed.
    """
    event = {"trigger": "schedule", "execution": f"verify-{now:%Y%m%dT%H%M%S%f}"}
    answer = place.client("lambda", answer_s=_ANSWER_S).invoke(
        FunctionName=function, Payload=json.dumps(event).encode()
    )
    payload = json.loads(answer["Payload"].read() or b"null")
    if "FunctionError" in answer or not isinstance(payload, dict):
        said = payload if not isinstance(payload, dict) else payload.get("errorMessage", payload)
        kind = payload.get("errorType", "error") if isinstance(payload, dict) else "error"
        raise CheckError(f"The checker {function} failed: {kind}: {said}")
    return payload


def schedule(place: Place, name: str, now: datetime) -> Schedule:
    """The schedule of a name, and when it comes next after a time."""
    found = place.client("scheduler").get_schedule(Name=name)
    expression, time_zone = found["ScheduleExpression"], found.get("ScheduleExpressionTimezone", "UTC")
    enabled = found.get("State", "ENABLED") == "ENABLED"
    return Schedule(expression, time_zone, enabled, next_time(expression, time_zone, now) if enabled else "")


def next_time(expression: str, time_zone: str, now: datetime) -> str:
    """The next time of an expression that means one time each day, in UTC; empty for any other."""
    daily = re.fullmatch(r"cron\((\d{1,2}) (\d{1,2}) \* \* \? \*\)", expression)
    if not daily:
        return ""
    here = now.astimezone(ZoneInfo(time_zone))
    time = here.replace(hour=int(daily[2]), minute=int(daily[1]), second=0, microsecond=0)
    if time <= here:
        time += timedelta(days=1)
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
