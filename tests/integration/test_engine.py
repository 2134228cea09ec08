"""Logins and lost servers, as the API's and the worker's engine meets them."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy
from psycopg.conninfo import conninfo_to_dict

from database import credentials, roles
from database.engine import SILENT_FOR_S, create_engine, gone_after
from database.settings import DatabaseSettings
from runtime.environment import load
from tests.conftest import PASSWORDS, Database, free_port


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The paths of password files, each time that one is read."""
    seen: list[str] = []
    really = credentials.read_password_file

    def read(path: str) -> str:
        seen.append(path)
        return really(path)

    monkeypatch.setattr(credentials, "read_password_file", read)
    return seen


def settings(port: int, database: str, file: Path) -> DatabaseSettings:
    url = f"postgresql://{roles.API}@127.0.0.1:{port}/{database}"
    return load(DatabaseSettings, {"WINDSOCK_DATABASE_URL": url, "WINDSOCK_DATABASE_PASSWORD_FILE": str(file)})


def test_a_server_that_is_away_is_no_reason_to_read_the_password_again(tmp_path: Path, reads: list[str]) -> None:
    file = tmp_path / "password"
    file.write_text("any")
    engine = create_engine(settings(free_port(), "windsock", file), "windsock-tests")
    for _ in range(3):
        with pytest.raises(sqlalchemy.exc.OperationalError):
            engine.connect()
    assert len(reads) == 1


def test_a_refused_login_is(database: Database, tmp_path: Path, reads: list[str]) -> None:
    file = tmp_path / "password"
    file.write_text("an older one")
    engine = create_engine(settings(database.cluster.port, database.name, file), "windsock-tests")
    with pytest.raises(sqlalchemy.exc.OperationalError):
        engine.connect()
    assert len(reads) == 2
    file.write_text(PASSWORDS[roles.API])
    engine.connect().close()
    assert len(reads) == 3
    engine.dispose()


def test_a_login_that_is_about_to_be_the_current_one_is_tried() -> None:
    source = credentials.Credentials(lambda: {"password": "old"}, lambda: {"password": "new"})
    old = source.current()
    assert source.refresh(old)
    assert source.current() == {"password": "new"}
    assert source.refresh(source.current()), "what is current now is read again"
    assert source.current() == old


def test_a_login_that_nothing_replaces_is_not_tried_again() -> None:
    source = credentials.Credentials(lambda: {"password": "old"})
    assert not source.refresh(source.current())


def test_libpq_knows_how_long_to_wait_for_a_server_that_is_gone(database: Database) -> None:
    options = gone_after(5)
    engine = create_engine(load(DatabaseSettings, {"WINDSOCK_DATABASE_URL": database.url()}), "tests", options=options)
    with engine.connect() as connection:
        said = conninfo_to_dict(connection.connection.driver_connection.info.dsn)  # type: ignore[union-attr]
    assert {name: int(str(said[name])) for name in options} == options
    assert options["tcp_user_timeout"] == 5000
    engine.dispose()


def test_the_server_too_gives_up_a_program_that_is_gone_without_a_word(database: Database) -> None:
    engine = database.engine()
    with engine.connect() as connection:
        found = connection.exec_driver_sql(
            "SELECT name, setting::int FROM pg_settings WHERE name ~ '^tcp_(keepalives|user)' ORDER BY name"
        ).fetchall()
    engine.dispose()
    wanted = {f"tcp_{name.removeprefix('tcp_')}": value for name, value in gone_after(SILENT_FOR_S).items()}
    assert dict(map(tuple, found)) == wanted
