"""The revisions of the schema that this release knows, and which of them an older release cannot work with."""

from __future__ import annotations

import ast
from pathlib import Path

_MIGRATIONS = Path(__file__).parent / "migrations" / "versions"
_MARKER = "works_with_code_of"


class UnknownRevisionError(Exception):
    """The database is at a revision that this project does not have."""


def known_revisions() -> list[str]:
    """All revisions that this release knows, the newest first.

    From the names of the migrations' files, which begin with their numbers. Alembic knows as well, but importing it
    takes a quarter of the start of a program that does not migrate.
    """
    return sorted(_files(_MIGRATIONS), reverse=True)


def in_the_way(known: str, database: str = "", folder: Path = _MIGRATIONS) -> list[str]:
    """The migrations that an older release cannot work with: those that take away what it needs.

    Each migration says by `works_with_code_of = "0001"` the oldest revision whose release works with what it leaves:
    the first of all where it only adds, that of the release that no longer needs it where it takes away. See
    docs/upgrading.md.

    Args:
        known: The newest revision that the older release knows.
        database: The revision that the database is at; the newest of all where it is empty.
        folder: Where the migrations are.

    Returns:
        A line for each, with its name and what it does, the oldest first.

    Raises:
        UnknownRevisionError: The project does not have the database's revision, so nothing can be said.
    """
    files = _files(folder)
    newest = database or max(files)
    if newest not in files:
        raise UnknownRevisionError(
            f"The database is at revision {newest}, which this clone of the project does not have (its newest is "
            f"{max(files)}): check out the release that migrated it, then run this again."
        )
    between = [path for revision, path in sorted(files.items()) if known < revision <= newest]
    return [f"{path.stem}: {_title(path)}" for path in between if _works_with(path) > known]


def _files(folder: Path) -> dict[str, Path]:
    return {path.name.partition("_")[0]: path for path in folder.glob("[0-9]*_*.py")}


def _title(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def _works_with(path: Path) -> str:
    """What a migration says of itself. One that says nothing works with its own release only."""
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and any(
            isinstance(target, ast.Name) and target.id == _MARKER for target in statement.targets
        ):
            return str(ast.literal_eval(statement.value))
    return path.name.partition("_")[0]
