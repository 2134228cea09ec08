"""Structured logs: one JSON object a line on standard error, with the fields that CloudWatch Logs Insights can query.

Standard output is left to what a command answers (a report, a table), so that it can be piped. `LOG_FORMAT=text` gives
lines for a person at a terminal.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Literal

from pythonjsonlogger.json import JsonEncoder, JsonFormatter

from runtime.texts import visible

LogFormat = Literal["json", "text"]


def json_formatter() -> JsonFormatter:
    """The formatter of log lines: time (ISO 8601, UTC), level, logger, message, and the fields given as `extra`."""
    encode = JsonEncoder().encode  # one for all lines: `json.dumps` makes one for each
    return JsonFormatter(
        "{asctime}{levelname}{name}{message}",
        style="{",
        rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
        datefmt="%Y-%m-%dT%H:%M:%S+00:00",
        json_serializer=lambda fields, **_options: encode(fields),
    )


class _TextFormatter(logging.Formatter):
    """Lines for a person: messages may repeat names of files."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        record.message = visible(record.message)
        return super().formatMessage(record)


def configure(level: str, log_format: str) -> None:
    """Send all logs to standard error at `level` (DEBUG, INFO, WARNING or ERROR) as `json` or `text`."""
    logging.Formatter.converter = time.gmtime
    # No format says more of a line's origin than the logger's name: not to look for the rest saves a sixth of what a
    # line costs (Python's logging HOWTO, "Optimization").
    logging._srcfile = None  # noqa: SLF001 - as that page has it
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(sys.stderr)
    if log_format == "json":
        handler.setFormatter(json_formatter())
    else:
        handler.setFormatter(_TextFormatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
