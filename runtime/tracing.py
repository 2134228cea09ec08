"""Traces: off unless a collector is named, and then nothing of OpenTelemetry is imported and nothing is wrapped.

What is traced: a share of the requests, each with its SQL; each pass of the worker; a share of the files of a pass,
each in a trace of its own that links to the pass, since one trace of a hundred thousand files is more than X-Ray takes
or a person reads. Health checks and queries outside of all that are not traced.

A trace never begins outside: the API is public, and who sends a header is not to decide what is traced and paid for.
"""

from __future__ import annotations

import atexit
from types import TracebackType
from typing import TYPE_CHECKING, Any

from runtime.settings import TracingSettings

if TYPE_CHECKING:
    from flask import Flask

    from runtime.telemetry import Telemetry

Value = str | int | float | bool

ENVIRON_TRACE_ID = "windsock.trace_id"
"""Where the access log finds the trace of a request in its WSGI environment; not there when it is not traced."""


class Span:
    """A step of a trace, as a context manager; this one, where nothing is traced, does nothing."""

    def __enter__(self) -> Span:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the step; an exception marks it as failed and goes on."""

    def set(self, **attributes: Value) -> None:
        """Say something of the step."""

    def fail(self, reason: str) -> None:
        """Mark the step as failed without an exception."""


_NOTHING = Span()
_telemetry: Telemetry | None = None


def start(settings: TracingSettings, *, service: str, environment: str | None) -> None:
    """Trace from now on, where the settings name a collector. Call it in the process that does the work, after forks.

    Args:
        settings: where the traces go, and how many.
        service: the program's name in the traces.
        environment: the name of the deployment.
    """
    global _telemetry  # noqa: PLW0603  # a process traces or does not, like logging
    if settings.collector is None or _telemetry is not None:
        return
    from runtime.telemetry import Telemetry  # noqa: PLC0415  # slow to import, and most places trace nothing

    _telemetry = Telemetry(settings.collector, settings.share, service=service, environment=environment)
    atexit.register(stop)


def stop() -> None:
    """Send what is left, for a few seconds at most, and trace no more."""
    global _telemetry  # noqa: PLW0603  # as in `start`
    if _telemetry is not None:
        _telemetry.stop()
        _telemetry = None
        atexit.unregister(stop)


def trace_requests(app: Flask, *, untraced: str) -> None:
    """Trace the requests of a Flask application, but for the URLs that match the regular expression `untraced`.

    Call it before anything else is added to the application, so that all of a request is in its trace.
    """
    if _telemetry is not None:
        _telemetry.trace_requests(app, untraced)


def span(name: str, **attributes: Value) -> Span:
    """A step of the present trace, or the beginning of one that is always traced."""
    return _NOTHING if _telemetry is None else _telemetry.span(name, attributes)


def linked_trace(name: str, **attributes: Value) -> Span:
    """The beginning of a trace of its own with a link to the present one; the set share of these is traced."""
    return _NOTHING if _telemetry is None else _telemetry.linked_trace(name, attributes)


def access_fields(environ: dict[str, Any]) -> dict[str, str]:
    """What the line of a request in the access log says of its trace: nothing, where there is none."""
    trace_id = environ.get(ENVIRON_TRACE_ID)
    return {"trace_id": trace_id} if trace_id else {}
