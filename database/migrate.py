"""Brings a database to the schema of this release, once, however many programs start at the same time."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import sqlalchemy
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from database.roles import RolePasswords, ensure_roles

# Any number that no other program uses as an advisory lock of this database: "WINDSOCK" as eight ASCII bytes.
MIGRATION_LOCK = int.from_bytes(b"WINDSOCK")

# MERGE ... RETURNING, which the worker counts with, came with PostgreSQL 17.
OLDEST_SERVER = 17


class UnsuitableServerError(Exception):
    """The server is too old for Windsock."""


@dataclasses.dataclass(frozen=True)
class Migrated:
    """What a run did: the revision that it found (None in an empty database) and the one that it left."""

    before: str | None
    after: str

    @property
    def changed(self) -> bool:
        """Whether the run changed the schema."""
        return self.before != self.after


def newest_revision() -> str:
    """The revision that this release's code is written for."""
    revision = ScriptDirectory.from_config(_alembic()).get_current_head()
    assert revision is not None, "the migrations folder is empty"
    return revision


def migrate(engine: Engine, passwords: RolePasswords) -> Migrated:
    """Apply the missing migrations under an advisory lock and set the roles' rights and passwords.

    Raises:
        UnsuitableServerError: the server is older than PostgreSQL 17.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as guard:
        major = guard.execute(sqlalchemy.text("SHOW server_version_num")).scalar_one()
        if int(major) // 10_000 < OLDEST_SERVER:
            raise UnsuitableServerError(
                f"the server is PostgreSQL {int(major) // 10_000}; Windsock needs {OLDEST_SERVER} or newer"
            )
        # Held by this session until it ends, whatever happens: a second migration waits here, then finds nothing to do.
        guard.execute(sqlalchemy.text("SELECT pg_advisory_lock(:key)"), {"key": MIGRATION_LOCK})
        try:
            return _migrate(engine, passwords)
        finally:
            guard.execute(sqlalchemy.text("SELECT pg_advisory_unlock(:key)"), {"key": MIGRATION_LOCK})


def _migrate(engine: Engine, passwords: RolePasswords) -> Migrated:
    with engine.connect() as connection:
        before = MigrationContext.configure(connection).get_current_revision()
        connection.rollback()
        config = _alembic()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
        driver = connection.connection.driver_connection
        assert driver is not None
        with driver.transaction():
            ensure_roles(driver, passwords)
    return Migrated(before, newest_revision())


def _alembic() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config
