"""OpenTelemetry as `runtime.tracing` uses it, and the only module that imports it.

Ids are random, as W3C Trace Context has them: X-Ray takes them since October 2023, and the collector's exporter to it
makes them X-Ray's. So neither X-Ray's id generator nor its propagator is needed.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.botocore import BotocoreInstrumentor
from opentelemetry.instrumentation.psycopg import PsycopgInstrumentor
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

import runtime
from runtime.tracing import ENVIRON_TRACE_ID, Span, Value

if TYPE_CHECKING:
    from flask import Flask

log = logging.getLogger(__name__)

# What waits to be sent: about 3 kB each. More is dropped, and the work goes on.
QUEUE_SPANS = 2_048
BATCH_SPANS = 512
SEND_EVERY_MS = 2_000
TIMEOUT_S = 2
FLUSH_WITHIN_S = 2

LONGEST = 4_000
"""Characters of a value, such as the text of a statement."""


class Telemetry:
    """A process that traces."""

    def __init__(self, collector: str, share: float, *, service: str, environment: str | None) -> None:
        self._exporter = _Exporter(collector)
        named = {"deployment.environment.name": environment} if environment else {}
        self._provider = TracerProvider(
            sampler=ParentBased(_Beginnings(share)),
            resource=Resource.create({"service.name": service, "service.version": runtime.__version__, **named}),
            span_limits=SpanLimits(max_attribute_length=LONGEST),
            shutdown_on_exit=False,  # `runtime.tracing` does, within a few seconds
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                self._exporter,
                max_queue_size=QUEUE_SPANS,
                schedule_delay_millis=SEND_EVERY_MS,
                max_export_batch_size=BATCH_SPANS,
            )
        )
        self._tracer = self._provider.get_tracer("windsock", runtime.__version__)
        propagate.set_global_textmap(_Nowhere())
        # It wraps what makes connections, and never says what the parameters were.
        PsycopgInstrumentor().instrument(tracer_provider=self._provider, capture_parameters=False)
        self._botocore = BotocoreInstrumentor()  # type: ignore[no-untyped-call]
        self._botocore.instrument(tracer_provider=self._provider, propagator=_Nowhere())
        # What they would say again and again of a collector that is away or slow, `_Exporter` says once.
        logging.getLogger("opentelemetry.exporter").setLevel(logging.CRITICAL)
        logging.getLogger("opentelemetry.sdk._shared_internal").setLevel(logging.ERROR)
        self._plain_records = logging.getLogRecordFactory()
        logging.setLogRecordFactory(self._record)
        log.info("traces go to %s", collector, extra={"action": "tracing_started", "collector": collector})

    def stop(self) -> None:
        """Send what is left, for a few seconds at most, and undo what was wrapped."""
        PsycopgInstrumentor().uninstrument()
        self._botocore.uninstrument()
        logging.setLogRecordFactory(self._plain_records)
        self._exporter.finish()
        self._provider.shutdown()

    def trace_requests(self, app: Flask, untraced: str) -> None:
        """See `runtime.tracing`."""
        from opentelemetry.instrumentation.flask import FlaskInstrumentor  # noqa: PLC0415  # the worker has no Flask

        FlaskInstrumentor.instrument_app(  # type: ignore[no-untyped-call]
            app,
            request_hook=_note_trace,
            tracer_provider=self._provider,
            excluded_urls=untraced,
            enable_commenter=False,
        )

    def span(self, name: str, attributes: Mapping[str, Value]) -> Span:
        """See `runtime.tracing`."""
        return _LiveSpan(self._tracer.start_as_current_span(name, attributes=_named(attributes)))

    def linked_trace(self, name: str, attributes: Mapping[str, Value]) -> Span:
        """See `runtime.tracing`."""
        origin = trace.get_current_span().get_span_context()
        return _LiveSpan(
            self._tracer.start_as_current_span(
                name,
                context=Context(),
                kind=SpanKind.CONSUMER,
                attributes=_named(attributes),
                links=[Link(origin)] if origin.is_valid else [],
            )
        )

    def _record(self, *arguments: Any, **more: Any) -> logging.LogRecord:
        """A record of the log that names the trace it belongs to."""
        record = self._plain_records(*arguments, **more)
        current = trace.get_current_span()
        if current.is_recording():
            record.trace_id = trace.format_trace_id(current.get_span_context().trace_id)
        return record


def _named(attributes: Mapping[str, Value]) -> dict[str, Value]:
    return {f"windsock.{name}": value for name, value in attributes.items()}


def _note_trace(span: trace.Span, environ: dict[str, Any]) -> None:
    if span.is_recording():
        environ[ENVIRON_TRACE_ID] = trace.format_trace_id(span.get_span_context().trace_id)


class _Nowhere(TextMapPropagator):
    """Believes no header of a request, and adds none to the requests that a program makes."""

    def extract(self, carrier: Any, context: Context | None = None, getter: Any = None) -> Context:  # noqa: ARG002  # the interface's
        """A context without a trace."""
        return Context() if context is None else context

    def inject(self, carrier: Any, context: Context | None = None, setter: Any = None) -> None:
        """Nothing."""

    @property
    def fields(self) -> set[str]:
        """The headers that it writes."""
        return set()


class _LiveSpan(Span):
    """A step that is traced."""

    def __init__(self, started: contextlib.AbstractContextManager[trace.Span]) -> None:
        self._started = started
        self._span: trace.Span = trace.INVALID_SPAN

    def __enter__(self) -> Span:
        self._span = self._started.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._started.__exit__(kind, error, traceback)

    def set(self, **attributes: Value) -> None:
        self._span.set_attributes(_named(attributes))

    def fail(self, reason: str) -> None:
        self._span.set_status(Status(StatusCode.ERROR, reason))


class _Beginnings(Sampler):
    """What a trace may begin with: any pass, a share of the requests and of the files, and no query by itself."""

    def __init__(self, share: float) -> None:
        self._share = TraceIdRatioBased(share)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Any = None,
        links: Sequence[Link] | None = None,
        trace_state: Any = None,  # noqa: ARG002  # the interface has it
    ) -> SamplingResult:
        if kind is SpanKind.CLIENT:
            return SamplingResult(Decision.DROP)
        if kind is SpanKind.INTERNAL:
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)
        return self._share.should_sample(parent_context, trace_id, name, kind, attributes, links)

    def get_description(self) -> str:
        return f"Beginnings({self._share.get_description()})"


class _Exporter(SpanExporter):
    """Sends to the collector from a thread of its own; says once that it cannot, and once that it can again."""

    def __init__(self, collector: str) -> None:
        self._collector = collector
        self._http = OTLPSpanExporter(endpoint=f"{collector}/v1/traces", timeout=TIMEOUT_S)
        self._taken = True
        self._give_up_at: float | None = None

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch, or lose it."""
        if self._give_up_at is not None and time.monotonic() >= self._give_up_at:
            return SpanExportResult.FAILURE
        result = self._http.export([_without_values(span) for span in spans])
        taken = result is SpanExportResult.SUCCESS
        if taken != self._taken:
            self._taken = taken
            fields = {"action": "tracing_resumed" if taken else "tracing_failed", "collector": self._collector}
            if taken:
                log.info("the collector at %s takes the traces again", self._collector, extra=fields)
            else:
                log.warning(
                    "the collector at %s (OTEL_EXPORTER_OTLP_ENDPOINT) takes no traces: they are lost until it does; "
                    "nothing else suffers",
                    self._collector,
                    extra=fields,
                )
        return result

    def finish(self) -> None:
        """Stop soon: at once where the collector takes nothing anyway."""
        self._give_up_at = time.monotonic() + (FLUSH_WITHIN_S if self._taken else 0)

    def shutdown(self) -> None:
        """Close the connection."""
        self._http.shutdown()  # type: ignore[no-untyped-call]


def _without_values(span: ReadableSpan) -> ReadableSpan:
    """The span as it may leave: without the query string of a request, and the values in an error of the database.

    The access log has neither. The instrumentations cannot be told to leave these out.
    """
    attributes, events, status, name = dict(span.attributes or {}), span.events, span.status, span.name
    for address in ("http.target", "http.url", "url.full"):
        if address in attributes:
            attributes[address] = str(attributes[address]).partition("?")[0]
    attributes.pop("url.query", None)
    statement = attributes.get("db.statement")
    if statement is not None:
        name = str(statement).split(maxsplit=1)[0]  # else it is the database's, for a statement given as bytes
        events = [Event(one.name, {"exception.type": _type(one)}, one.timestamp) for one in events]
        if status.status_code is StatusCode.ERROR:
            status = Status(StatusCode.ERROR, (status.description or "").partition(":")[0])
    return ReadableSpan(
        name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        events=events,
        links=span.links,
        kind=span.kind,
        status=status,
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _type(event: Event) -> str:
    return str((event.attributes or {}).get("exception.type", ""))
