"""Migrations and roles, against a real server."""

from __future__ import annotations

import subprocess
import sys

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from database import roles
from database.migrate import Migrated, migrate, newest_revision
from database.roles import RolePasswords
from database.tables import metadata
from tests.conftest import PROJECT, Database


@pytest.fixture
def empty(database: Database) -> Database:
    with psycopg.connect(database.url(), autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return database


def test_the_migrations_make_just_what_the_tables_say(database: Database) -> None:
    with database.engine().connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_a_second_run_changes_nothing(empty: Database) -> None:
    engine = empty.engine()
    assert migrate(engine, RolePasswords()) == Migrated(None, newest_revision())
    assert not migrate(engine, RolePasswords()).changed
    engine.dispose()


def test_two_starts_at_once_migrate_once(empty: Database) -> None:
    program = (
        "import sys\n"
        "from database import engine, migrate, roles, settings\n"
        "from runtime.environment import load\n"
        "one = engine.create_engine(load(settings.DatabaseSettings), 'm')\n"
        "print(migrate.migrate(one, roles.RolePasswords()).changed)"
    )
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env=empty.environment(roles.OWNER),
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    answers = sorted(start.communicate(timeout=60)[0].strip() for start in starts)
    assert answers == ["False", "False", "False", "True"]
