"""A module for each parser: `seeds()`, where the fuzzer starts, and `check(data)`, which raises what must not be."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from typing import Protocol, cast

NAMES = tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


class Target(Protocol):
    """What such a module has."""

    def seeds(self) -> Iterable[bytes]:
        """Inputs to begin with, made by our own code."""

    def check(self, data: bytes) -> None:
        """Read these bytes, and see that what must hold does."""


def target(name: str) -> Target:
    """The module of this name."""
    return cast("Target", importlib.import_module(f"{__name__}.{name}"))
