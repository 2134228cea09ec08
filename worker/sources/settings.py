"""The settings of a source that everything that lists one has."""

from __future__ import annotations

import dataclasses

from runtime.environment import variable, yes_or_no


@dataclasses.dataclass(frozen=True, kw_only=True)
class AccessSettings:
    """How the files may be read."""

    anonymous: bool = variable(
        "WINDSOCK_S3_ANONYMOUS",
        holds="yes to read a public bucket without credentials, else no",
        parse=yes_or_no,
        default="no",
    )
