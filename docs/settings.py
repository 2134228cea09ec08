"""Writes docs/settings.md from the programs' settings: `make docs`, or `python -m docs.settings`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from app.settings import ApiSettings
from runtime.environment import Variable, describe
from worker.checker import CheckerSettings
from worker.settings import InspectSettings, MigrateSettings, OnePassSettings, ScheduleSettings

PAGE = Path(__file__).with_suffix(".md")

INTRODUCTION = """\
# Settings

Both programs read environment variables and nothing else. One that is missing or malformed stops the program at start,
with a message that names it and what it should hold; an empty one counts as not set. On this machine (`make up`) nobody
sets them by hand: [inventory/local/group_vars/all.yml](../inventory/local/group_vars/all.yml) has what a user changes,
and its `api_environment` and `worker_environment` take any variable of this page.

`make docs` writes this page from the declarations in the programs.
"""

PROGRAMS: list[tuple[str, type[Any]]] = [
    ("The API: `gunicorn --config app/gunicorn.conf.py 'app:create_app()'`", ApiSettings),
    ("One pass: `python -m worker ingest`", OnePassSettings),
    ("A pass each day: `python -m worker schedule`", ScheduleSettings),
    ("Migrations: `python -m worker migrate`", MigrateSettings),
    ("What a database holds: `python -m worker inspect`", InspectSettings),
    ("The checker, an AWS Lambda function: `worker.checker.handler`", CheckerSettings),
]


def page() -> str:
    """The whole page. A variable that an earlier program has too is named there and not explained again."""
    explained: dict[str, str] = {}
    parts = [INTRODUCTION]
    for title, settings in PROGRAMS:
        variables = list(describe(settings))
        again = [variable.name for variable in variables if variable.name in explained]
        parts.append(f"\n## {title}\n\n")
        if again:
            parts.append(f"As above: {', '.join(f'`{name}`' for name in again)}.\n\n")
        new = [variable for variable in variables if variable.name not in explained]
        if new:
            parts.extend(_table(new))
        explained |= {variable.name: title for variable in variables}
    return "".join(parts)


def _table(variables: list[Variable]) -> Iterator[str]:
    yield "| variable | holds | when not set |\n| --- | --- | --- |\n"
    for variable in variables:
        otherwise = "required" if variable.required else f"`{variable.default}`" if variable.default else ""
        yield f"| `{variable.name}` | {variable.holds.replace('|', chr(92) + '|')} | {otherwise} |\n"


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
