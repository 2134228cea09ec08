"""Metrics of a pass as a line of the CloudWatch Embedded Metric Format.

CloudWatch Logs finds such lines in the output of a container and makes metrics of them: no agent, no API call. Format:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import logging
import math
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO

log = logging.getLogger(__name__)

NAMESPACE = "Windsock"
SERVICE = "ingestion"

METRICS_FORMATS = ("none", "emf")
"""What WINDSOCK_METRICS may hold: on a person's terminal such lines are noise."""

MAX_METRICS, MAX_DIMENSIONS, MAX_BYTES = 100, 30, 256 * 1024
_MAX_NAMESPACE, _MAX_NAME, _MAX_DIMENSION_NAME, _MAX_DIMENSION_VALUE = 255, 255, 250, 1024
_LARGEST = 2.0**360  # CloudWatch accepts numbers up to this, of either sign

_BYTES = ("Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes")
_BITS = ("Bits", "Kilobits", "Megabits", "Gigabits", "Terabits")
_COUNTED = (*_BYTES, *_BITS, "Count")
UNITS = frozenset(
    ("Seconds", "Microseconds", "Milliseconds", "Percent", "None", *_COUNTED, *(f"{unit}/Second" for unit in _COUNTED))
)


@dataclasses.dataclass(frozen=True)
class PassMetrics:
    """What a pass did: counts of files and rows, seconds from its start to its end, whether it failed."""

    files_loaded: int
    files_failed: int
    files_unchanged: int
    rows_read: int
    rows_inserted: int
    rows_updated: int
    rows_rejected: int
    seconds: float
    failed: bool


def emf(
    namespace: str,
    dimensions: Mapping[str, str],
    metrics: Mapping[str, tuple[float, str]],
    properties: Mapping[str, Any],
    at: datetime.datetime,
) -> str:
    """One line, without its end: a JSON object with the metrics, each a value and a unit of CloudWatch.

    Every metric is published under all the dimensions together. Properties are fields of the line that make no metric.

    Raises:
        ValueError: CloudWatch would drop the line or a metric of it; the text says which and why.
    """
    _check_namespace(namespace)
    _check_dimensions(dimensions)
    _check_metrics(metrics)
    names = [*dimensions, *metrics, *properties]
    for name in names:
        if name == "_aws" or names.count(name) > 1:
            raise ValueError(f"the name {name} is taken already")
    if at.tzinfo is None:
        raise ValueError("the time has no time zone")

    directive = {
        "Namespace": namespace,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": unit} for name, (_, unit) in metrics.items()],
    }
    document = {
        "_aws": {"Timestamp": round(at.timestamp() * 1000), "CloudWatchMetrics": [directive]},
        **dimensions,
        **{name: value for name, (value, _) in metrics.items()},
        **properties,
    }
    line = json.dumps(document, allow_nan=False, separators=(",", ":"))
    if len(line) > MAX_BYTES:
        raise ValueError(f"the line has {len(line)} bytes; CloudWatch Logs takes {MAX_BYTES}")
    return line


def publish_pass(
    metrics: PassMetrics,
    *,
    metrics_format: str,
    environment: str | None = None,
    properties: Mapping[str, Any] | None = None,
    at: datetime.datetime | None = None,
    stream: TextIO | None = None,
) -> None:
    """Write the pass's metrics to standard output when `metrics_format` is `emf`; with `none` do nothing.

    The dimensions are Service and, when there is an environment, Environment. An output that cannot be written is
    logged: it makes no failure of a pass that has loaded its files.
    """
    if metrics_format == "none":
        return
    count, per_second = "Count", "Count/Second"
    values = {
        "FilesLoaded": (metrics.files_loaded, count),
        "FilesFailed": (metrics.files_failed, count),
        "FilesUnchanged": (metrics.files_unchanged, count),
        "RowsRead": (metrics.rows_read, count),
        "RowsInserted": (metrics.rows_inserted, count),
        "RowsUpdated": (metrics.rows_updated, count),
        "RowsRejected": (metrics.rows_rejected, count),
        "Seconds": (round(metrics.seconds, 3), "Seconds"),
        "RowsPerSecond": (round(metrics.rows_read / metrics.seconds, 1) if metrics.seconds > 0 else 0.0, per_second),
        "Failure": (int(metrics.failed), count),
    }
    dimensions = {"Service": SERVICE, **({"Environment": environment} if environment else {})}
    line = emf(NAMESPACE, dimensions, values, properties or {}, at or datetime.datetime.now(datetime.UTC))
    output = stream or sys.stdout
    try:
        # In one call: a line that another one runs into is no JSON, and its metrics are lost.
        output.write(line + "\n")
        output.flush()
    except OSError as error:
        log.warning("the metrics could not be written: %s", error, extra={"action": "metrics_lost"})


def _check_namespace(namespace: str) -> None:
    # What CloudWatch's PutMetricData accepts; it keeps AWS/ for itself.
    if not re.fullmatch(r"[A-Za-z0-9._/#-][A-Za-z0-9._/#: -]*", namespace) or len(namespace) > _MAX_NAMESPACE:
        raise ValueError(f"the namespace {namespace!r} is not 1 to {_MAX_NAMESPACE} letters, digits and . - _ / # :")
    if namespace.startswith("AWS/"):
        raise ValueError("namespaces that begin with AWS/ belong to AWS")


def _check_dimensions(dimensions: Mapping[str, str]) -> None:
    if len(dimensions) > MAX_DIMENSIONS:
        raise ValueError(f"{len(dimensions)} dimensions; CloudWatch takes {MAX_DIMENSIONS}")
    for name, value in dimensions.items():
        if not _printable(name) or len(name) > _MAX_DIMENSION_NAME or name.startswith(":"):
            raise ValueError(
                f"the dimension {name!r} is not 1 to {_MAX_DIMENSION_NAME} ASCII characters without a leading :"
            )
        if not _printable(value) or len(value) > _MAX_DIMENSION_VALUE:
            raise ValueError(f"the value of the dimension {name} is not 1 to {_MAX_DIMENSION_VALUE} ASCII characters")


def _check_metrics(metrics: Mapping[str, tuple[float, str]]) -> None:
    if not 1 <= len(metrics) <= MAX_METRICS:
        raise ValueError(f"{len(metrics)} metrics; CloudWatch takes 1 to {MAX_METRICS}")
    for name, (value, unit) in metrics.items():
        if not _printable(name) or len(name) > _MAX_NAME:
            raise ValueError(f"the metric {name!r} is not 1 to {_MAX_NAME} ASCII characters")
        if isinstance(value, bool) or not math.isfinite(value) or abs(value) > _LARGEST:
            raise ValueError(f"the metric {name} is {value}, not a number that CloudWatch takes")
        if unit not in UNITS:
            raise ValueError(f"the metric {name} has the unit {unit}, which CloudWatch does not know")


def _printable(text: str) -> bool:
    return text.isascii() and text.isprintable() and text.strip() != ""
