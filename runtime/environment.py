"""Settings from environment variables, each declared once: its name, what it should hold, how it is read, its default.

A program's settings are a frozen dataclass whose fields are made by `variable`. `load` reads all of them at start and
reports every missing or malformed one together, so that nobody repairs them one restart at a time. `describe` is what
the documentation and `--help` are made from.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from runtime.texts import visible

T = TypeVar("T")

_VARIABLE = "windsock variable"


class SettingsError(Exception):
    """One or more environment variables are missing or malformed; the text has a line for each."""


@dataclasses.dataclass(frozen=True)
class Variable:
    """One environment variable: `holds` says in words what it should hold, `default` is its text when it is not set."""

    name: str
    holds: str
    parse: Callable[[str], Any]
    default: str | None
    required: bool


def variable(
    name: str, *, holds: str, parse: Callable[[str], T], default: str | None = None, required: bool = False
) -> T:
    """Declare a field of a settings class that is read from the environment variable `name`.

    `parse` turns the text into the value and raises `ValueError` when it cannot. Without a default and not required,
    an unset variable gives None. An empty variable counts as unset: Compose and ECS pass optional ones that way.
    """
    declared = Variable(name, holds, parse, default, required)
    field: T = dataclasses.field(metadata={_VARIABLE: declared})
    return field


def describe(settings: type[Any]) -> Iterator[Variable]:
    """The variables of a settings class, those of nested settings classes included, in the order of declaration."""
    for field in dataclasses.fields(settings):
        nested = field.default_factory
        if _VARIABLE in field.metadata:
            yield field.metadata[_VARIABLE]
        elif nested is not dataclasses.MISSING and dataclasses.is_dataclass(nested):
            yield from describe(nested)


def load(settings: type[T], environ: Mapping[str, str] | None = None) -> T:
    """Read the settings class from the environment.

    Raises:
        SettingsError: naming each variable that is missing or malformed, and what it should hold.
    """
    problems: list[str] = []
    loaded: T = _load(settings, os.environ if environ is None else environ, problems)
    if problems:
        raise SettingsError("\n".join(problems))
    return loaded


def _load(settings: Any, environ: Mapping[str, str], problems: list[str]) -> Any:
    values: dict[str, Any] = {}
    for field in dataclasses.fields(settings):
        if _VARIABLE not in field.metadata:
            values[field.name] = _load(field.default_factory, environ, problems)
            continue
        declared: Variable = field.metadata[_VARIABLE]
        text = environ.get(declared.name) or declared.default
        values[field.name] = None
        if text is None:
            if declared.required:
                problems.append(f"{declared.name} is not set: it should hold {declared.holds}")
            continue
        try:
            values[field.name] = declared.parse(text)
        except ValueError as error:
            # The text itself is not repeated: it may be a secret that was put into the wrong variable.
            problems.append(f"{declared.name} is malformed ({visible(str(error))}): it should hold {declared.holds}")
    return None if problems else settings(**values)


def whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    """A parser of whole numbers from `lowest` to `highest`, both included."""

    def parse(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise ValueError("not a whole number") from None
        if not lowest <= number <= highest:
            raise ValueError(f"{number} is not between {lowest} and {highest}")
        return number

    return parse


def yes_or_no(text: str) -> bool:
    """True for yes, true, on and 1; False for no, false, off and 0; in any case of letters."""
    lowered = text.strip().lower()
    if lowered in {"yes", "true", "on", "1"}:
        return True
    if lowered in {"no", "false", "off", "0"}:
        return False
    raise ValueError("neither yes nor no")


def one_of(*choices: str) -> Callable[[str], str]:
    """A parser that accepts the given words only, in any case of letters."""

    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError("not one of " + ", ".join(choices))
        return text.lower()

    return parse
