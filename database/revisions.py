"""The revisions of the schema that this release knows."""

from __future__ import annotations

from pathlib import Path

_MIGRATIONS = Path(__file__).parent / "migrations" / "versions"


def known_revisions() -> list[str]:
    """All revisions that this release knows, the newest first.

    From the names of the migrations' files, which begin with their numbers. Alembic knows as well, but importing it
    takes a quarter of the start of a program that does not migrate.
    """
    return sorted((path.name.partition("_")[0] for path in _MIGRATIONS.glob("[0-9]*_*.py")), reverse=True)
