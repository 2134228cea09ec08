"""The settings that programs share."""

from __future__ import annotations

import dataclasses
import urllib.parse

from runtime.environment import one_of, variable


def _collector(text: str) -> str:
    address = urllib.parse.urlsplit(text)  # raises ValueError for a malformed port or address
    if address.scheme not in {"http", "https"} or not address.hostname:
        raise ValueError("neither http://host nor https://host")
    return text.rstrip("/")


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise ValueError("not between 0 and 1")
    return share


@dataclasses.dataclass(frozen=True, kw_only=True)
class LogSettings:
    """What is logged, and in which form."""

    level: str = variable(
        "WINDSOCK_LOG_LEVEL",
        holds="debug, info, warning or error: the least important kind of line that is logged",
        parse=one_of("debug", "info", "warning", "error"),
        default="info",
    )
    format: str = variable(
        "WINDSOCK_LOG_FORMAT",
        holds="json for programs that read logs, text for people",
        parse=one_of("json", "text"),
        default="json",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeploymentSettings:
    """Which of several deployments this is."""

    environment: str | None = variable(
        "WINDSOCK_ENVIRONMENT",
        holds="the name of this deployment, such as production: a dimension of the metrics, an attribute of the traces",
        parse=str,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TracingSettings:
    """Where traces go. The names are OpenTelemetry's own, and mean the same there."""

    collector: str | None = variable(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        holds="the address of the collector that traces are sent to by OTLP over HTTP, such as http://127.0.0.1:4318; "
        "when not set, nothing is traced",
        parse=_collector,
    )
    share: float = variable(
        "OTEL_TRACES_SAMPLER_ARG",
        holds="which share of the requests, or of the files of a pass, is traced, from 0 to 1; a pass always is",
        parse=_share,
        default="1",
    )
