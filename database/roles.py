"""The three roles and their rights, and nothing more than these.

| role | is for | may |
| --- | --- | --- |
| windsock_owner | migrations | own the database, create the other two roles |
| windsock_worker | ingestion | read, insert, update and analyse; make temporary tables |
| windsock_api | the API | read |

Roles belong to a whole PostgreSQL server, rights to one database; both are set again by each migration run, so that a
server that was restored or a password that was changed needs nothing by hand.
"""

from __future__ import annotations

import dataclasses

import psycopg
from psycopg import sql

OWNER = "windsock_owner"
WORKER = "windsock_worker"
API = "windsock_api"


@dataclasses.dataclass(frozen=True)
class RolePasswords:
    """The passwords to give to the two restricted roles; None leaves a role's password as it is."""

    worker: str | None = None
    api: str | None = None


def ensure_roles(connection: psycopg.Connection[tuple[object, ...]], passwords: RolePasswords) -> None:
    """Create what is missing of the two restricted roles, give them their passwords, and grant them their rights."""
    database = connection.info.dbname
    for role, password in ((WORKER, passwords.worker), (API, passwords.api)):
        _ensure_login(connection, role, password)
    statements = [
        "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        "GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {worker}",
        "GRANT CONNECT ON DATABASE {database} TO {api}",
        "GRANT USAGE ON SCHEMA public TO {worker}, {api}",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {worker}, {api}",
        "GRANT INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {worker}",
        "GRANT MAINTAIN ON observation, yearly_statistics, station TO {worker}",  # ANALYZE after a large load
        "REVOKE INSERT, UPDATE ON alembic_version FROM {worker}",
        # Its rights are what keeps it from writing. This keeps a mistake from what PostgreSQL lets everybody do.
        "ALTER ROLE {api} SET default_transaction_read_only = on",
    ]
    for statement in statements:
        connection.execute(
            sql.SQL(statement).format(
                database=sql.Identifier(database), worker=sql.Identifier(WORKER), api=sql.Identifier(API)
            )
        )


def _ensure_login(connection: psycopg.Connection[tuple[object, ...]], role: str, password: str | None) -> None:
    exists = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    if not exists:
        try:
            with connection.transaction():
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            pass  # a migration of another database on this server made it at the same moment
    if password:
        # Hashed here, so that the password itself is in no statement and so in no log of the server.
        hashed = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
        statement = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(hashed))
        connection.execute(statement)
