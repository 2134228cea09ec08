"""gunicorn's logger, in the form of the other logs: one JSON object a line, the requests' as well."""

from __future__ import annotations

import datetime as dt
import logging
import sys
from typing import Any

from gunicorn.config import Config
from gunicorn.glogging import Logger

from app.http_headers import ENVIRON_REQUEST_ID
from app.settings import ApiSettings
from runtime import logs, tracing
from runtime.environment import load
from runtime.texts import visible

LONGEST = 500  # characters of what a client sent

log = logging.getLogger("windsock.access")


class StructuredLogger(Logger):  # type: ignore[misc] # gunicorn has no types
    """Logs as `runtime.logs` is configured."""

    def setup(self, cfg: Config) -> None:
        """Leave everything to the root logger."""
        self.cfg = cfg
        self._access_log_enabled = True
        settings = load(ApiSettings).log
        logs.configure(settings.level, settings.format)
        self.loglevel = logging.getLogger().level
        self.error_log.propagate = True
        self.error_log.setLevel(self.loglevel)

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: dt.timedelta) -> None:  # noqa: ARG002 - gunicorn's
        """One line for a request that has been answered.

        Without the query string: what somebody put there by mistake is not kept. `complete` is false when the response
        was broken off.
        """
        path = _printable(environ.get("PATH_INFO", ""))
        method = _printable(environ.get("REQUEST_METHOD", ""))
        status = int(str(resp.status).split(maxsplit=1)[0])
        milliseconds = round(request_time.total_seconds() * 1000, 1)
        log.info(
            "%s %s %s in %s ms",
            method,
            path,
            status,
            milliseconds,
            extra={
                "request_id": environ.get(ENVIRON_REQUEST_ID),
                **tracing.access_fields(environ),
                "method": method,
                "path": path,
                "status": status,
                "ms": milliseconds,
                "bytes": resp.sent,
                "user_agent": _printable(environ.get("HTTP_USER_AGENT", "")),
                "complete": sys.exc_info()[0] is None,
            },
        )


def _printable(text: str) -> str:
    """Text of a client as a log may hold it: in UTF-8, no line ends or control characters, not endless."""
    decoded = text.encode("latin-1", "replace").decode("utf-8", "replace")[:LONGEST]  # WSGI gives bytes as Latin-1
    return visible(decoded)
