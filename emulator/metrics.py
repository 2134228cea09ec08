"""Metrics that programs write into their logs (CloudWatch's embedded metric format), which MiniStack leaves there."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ministack.services import cloudwatch, cloudwatch_logs

log = logging.getLogger("emulator")


def install() -> None:
    """Look at each event that a log is given, by whomever: a task, a function, a client."""
    append = cloudwatch_logs._append_log_events

    def repaired(stream: dict[str, Any], events: list[dict[str, Any]], *rest: Any, **options: Any) -> Any:
        answer = append(stream, events, *rest, **options)
        for event in events:
            message = event.get("message", "")
            if '"_aws"' in message:
                _store(message)
        return answer

    cloudwatch_logs._append_log_events = repaired


def _store(message: str) -> None:
    try:
        entry = json.loads(message)
        for namespace, name, dimensions, unit, values in metrics(entry):
            timestamp = entry["_aws"]["Timestamp"] / 1000
            for value in values:
                cloudwatch._store_datum(namespace, name, dimensions, timestamp, unit, value, None, None, None)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        # As on AWS: a malformed one stays a line of the log, and nobody is told.
        log.warning("not an embedded metric, %s: %.200s", error, message)


def metrics(entry: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, str], str, Iterable[float]]]:
    """The metrics of one line: namespace, name, dimensions, unit and values, once for each set of dimensions."""
    for directive in entry["_aws"]["CloudWatchMetrics"]:
        for names in directive.get("Dimensions") or [[]]:
            dimensions = {name: str(entry[name]) for name in names}
            for metric in directive["Metrics"]:
                value = entry[metric["Name"]]
                values = value if isinstance(value, list) else [value]
                yield directive["Namespace"], metric["Name"], dimensions, metric.get("Unit", "None"), values
