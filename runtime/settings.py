"""The settings that programs share."""

from __future__ import annotations

import dataclasses

from runtime.environment import one_of, variable


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
        holds="the name of this deployment, such as production: a dimension of the metrics",
        parse=str,
    )
