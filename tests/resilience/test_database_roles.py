"""Each role of the database tries what it must not do, and what it is for: real statements on a real server."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
import pytest
from psycopg import errors

from app.reads import Reads, UnavailableError
from app.settings import ApiSettings
from database import roles
from database.migrate import migrate
from database.roles import RolePasswords
from database.tables import metadata
from runtime.environment import load
from tests.conftest import Database
from tests.resilience.trials import Trial

TABLES = sorted([*metadata.tables, "alembic_version"])
STATION = "INSERT INTO station (code) VALUES ('x')"

# What only the owner, or nobody but a superuser, may do.
OUTSIDE = [
    # files and programs of the server
    "SELECT pg_read_file('PG_VERSION')",
    "SELECT pg_read_binary_file('PG_VERSION')",
    "SELECT * FROM pg_ls_dir('.')",
    "SELECT * FROM pg_stat_file('PG_VERSION')",
    "SELECT lo_import('/etc/passwd')",
    "COPY station FROM '/etc/passwd'",
    "COPY station TO '/tmp/station'",
    "COPY station FROM PROGRAM 'id'",
    "COPY (SELECT 1) TO PROGRAM 'cat'",
    "CREATE FUNCTION run(text) RETURNS int AS '/lib/libc.so.6', 'system' LANGUAGE C",
    "LOAD 'auto_explain.so'",
    # other people's passwords and rights
    "SELECT rolpassword FROM pg_authid",
    "SELECT passwd FROM pg_shadow",
    "SELECT * FROM pg_hba_file_rules",
    "SET ROLE windsock_owner",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION windsock_owner",
    "ALTER ROLE windsock_owner PASSWORD 'x'",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE CURRENT_USER CREATEDB",
    "CREATE ROLE intruder LOGIN",
    "DROP ROLE windsock_owner",
    "GRANT windsock_owner TO CURRENT_USER",
    "GRANT pg_read_server_files TO CURRENT_USER",
    "GRANT pg_execute_server_program TO CURRENT_USER",
    # the server
    "ALTER SYSTEM SET log_statement = 'all'",
    "SELECT pg_reload_conf()",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'",
    "SET log_statement = 'none'",
    "SET session_replication_role = 'replica'",
    "CHECKPOINT",
    "CREATE DATABASE mine",
    "CREATE TABLESPACE mine LOCATION '/tmp'",
    "SELECT pg_create_logical_replication_slot('mine', 'pgoutput')",
    "CREATE PUBLICATION mine",
    "CREATE SUBSCRIPTION mine CONNECTION '' PUBLICATION mine",
    "CREATE FOREIGN DATA WRAPPER mine",
    # large objects are kept for ever and belong to no table
    "SELECT lo_create(0)",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT lo_put(1, 0, 'x')",
    # the schema
    "CREATE TABLE mine (a int)",
    "CREATE VIEW mine AS SELECT 1",
    "CREATE FUNCTION mine() RETURNS int AS 'SELECT 1' LANGUAGE sql",
    "CREATE SEQUENCE mine",
    "CREATE TYPE mine AS (a int)",
    "CREATE SCHEMA mine",
    "ALTER TABLE station ADD COLUMN mine int",
    "ALTER TABLE station DISABLE TRIGGER ALL",
    "ALTER TABLE station ENABLE ROW LEVEL SECURITY",
    "CREATE INDEX ON station (name)",
    "CREATE TRIGGER mine BEFORE INSERT ON station EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE RULE mine AS ON INSERT TO station DO INSTEAD NOTHING",
    "CREATE POLICY mine ON station",
    "COMMENT ON TABLE station IS 'mine'",
    "ALTER TABLE station OWNER TO CURRENT_USER",
    "ALTER DEFAULT PRIVILEGES FOR ROLE windsock_owner GRANT ALL ON TABLES TO PUBLIC",
    "DROP SCHEMA public CASCADE",
    "SELECT nextval('station_id_seq')",
    "SELECT setval('station_id_seq', 1)",
    "UPDATE alembic_version SET version_num = ''",
    "INSERT INTO alembic_version VALUES ('x')",
    *(f"DROP TABLE {table} CASCADE" for table in TABLES),
    *(f"TRUNCATE {table} CASCADE" for table in TABLES),
    *(f"DELETE FROM {table}" for table in TABLES),  # noqa: S608 - our tables
    "LOCK TABLE alembic_version IN ROW EXCLUSIVE MODE",
]

# What the worker may and the API may not.
WRITES = [
    STATION,
    "MERGE INTO station USING (SELECT 1) AS one ON false WHEN NOT MATCHED THEN INSERT (code) VALUES ('y')",
    "UPDATE station SET name = 'x'",
    "UPDATE observation SET tmax = 0",
    "UPDATE yearly_statistics SET days = 0",
    "UPDATE ingestion SET error = 'x'",
    "UPDATE source_file SET error = 'x'",
    "UPDATE rejected_line SET reason = 'x'",
    "INSERT INTO observation VALUES (1, '2000-01-01')",
    "INSERT INTO yearly_statistics VALUES (1, 2000, 0, 0, 0, 0, 0, 0, 0)",
    "SELECT * FROM station FOR UPDATE",
    *(f"LOCK TABLE {table} IN ROW EXCLUSIVE MODE" for table in metadata.tables),
    "CREATE TEMPORARY TABLE mine (a int)",
]
READS = [f"SELECT * FROM {table} LIMIT 1" for table in TABLES]  # noqa: S608 - our tables
# Refused by a warning, not by an error: what they come to is seen in the rights that there are afterwards.
GIVES = [
    "GRANT ALL ON station TO PUBLIC",
    "GRANT USAGE ON SCHEMA public TO PUBLIC",
    "REVOKE SELECT ON station FROM windsock_api",
]

READ, WRITE, KEEP = {"SELECT"}, {"INSERT", "UPDATE"}, {"MAINTAIN"}
RIGHTS = {
    roles.API: dict.fromkeys(TABLES, READ),
    roles.WORKER: {
        **dict.fromkeys(TABLES, READ | WRITE),
        **dict.fromkeys(["observation", "yearly_statistics", "station"], READ | WRITE | KEEP),
        "alembic_version": READ,
    },
}


@pytest.fixture
def served(database: Database) -> Database:
    """A database with the rights that a migration gives; a copy of another database has none of its own."""
    engine = database.engine()
    migrate(engine, RolePasswords())
    engine.dispose()
    return database


# What is only a default of the role, an intruder takes off.
WRITING = "-c statement_timeout=10000 -c default_transaction_read_only=off"
# These stand outside of any transaction.
ALONE = ("ALTER SYSTEM", "CREATE DATABASE", "CREATE SUBSCRIPTION", "CREATE TABLESPACE")


def refused(database: Database, role: str, statements: Sequence[str]) -> list[str]:
    """Those of the statements that a role is refused for want of a right. None of them has an effect."""
    found = []
    for statement in statements:
        with psycopg.connect(database.url(role), autocommit=True, options=WRITING) as connection:
            if not statement.startswith(ALONE):
                connection.execute("BEGIN")
            try:
                connection.execute(statement.encode())
            except errors.InsufficientPrivilege:
                found.append(statement)
    return found


def rights(database: Database, role: str) -> dict[str, set[str]]:
    """What a role may do with each table, by PostgreSQL's own account."""
    query = """
        SELECT relname, kind FROM pg_class CROSS JOIN unnest(%s::text[]) AS kind
        WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND relnamespace = 'public'::regnamespace
        AND has_table_privilege(%s, pg_class.oid, kind)
    """
    kinds = ["SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"]
    found: dict[str, set[str]] = {}
    for table, kind in database.rows(query, kinds, role):
        found.setdefault(str(table), set()).add(str(kind))
    return found


@pytest.mark.parametrize("role", [roles.API, roles.WORKER])
def test_a_role_cannot_leave_its_place(served: Database, trial: Trial, role: str) -> None:
    trial.what = f"{role}: files, programs, passwords, other roles, the server, the schema, large objects"
    kept_out = refused(served, role, OUTSIDE)
    trial.times, trial.lost = len(OUTSIDE), len(OUTSIDE) - len(kept_out)
    assert [one for one in OUTSIDE if one not in kept_out] == []


def test_the_api_cannot_write_a_thing(served: Database, trial: Trial) -> None:
    trial.what = "windsock_api: every kind of writing, in a session that says it wants to write"
    kept_out = refused(served, roles.API, WRITES)
    trial.times, trial.lost = len(WRITES), len(WRITES) - len(kept_out)
    assert [one for one in WRITES if one not in kept_out] == []


@pytest.mark.parametrize(("role", "allowed"), [(roles.API, READS), (roles.WORKER, READS + WRITES)])
def test_a_role_may_do_what_it_is_for(served: Database, role: str, allowed: list[str]) -> None:
    assert refused(served, role, allowed) == []


@pytest.mark.parametrize("role", [roles.API, roles.WORKER])
def test_a_role_has_just_these_rights_and_can_give_none_away(served: Database, role: str) -> None:
    with psycopg.connect(served.url(role), options=WRITING) as connection:
        for statement in GIVES:
            connection.execute(statement.encode())
    assert rights(served, role) == RIGHTS[role]
    assert rights(served, roles.API) == RIGHTS[roles.API]


def test_the_two_roles_are_nothing_but_logins(served: Database) -> None:
    attributes = "rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls"
    query = f"SELECT rolname, {attributes} FROM pg_roles WHERE rolname IN (%s, %s) ORDER BY 1"  # noqa: S608 - fixed words
    assert served.rows(query, roles.API, roles.WORKER) == [(roles.API, False), (roles.WORKER, False)]
    members = "SELECT roleid::regrole::text FROM pg_auth_members WHERE member IN (%s::regrole, %s::regrole)"
    assert served.rows(members, roles.API, roles.WORKER) == []
    owner = "SELECT rolsuper OR rolcreatedb OR rolreplication OR rolbypassrls FROM pg_roles WHERE rolname = %s"
    assert served.rows(owner, roles.OWNER) == [(False,)]


def test_everybody_else_has_nothing(served: Database, trial: Trial) -> None:
    trial.what = "a role that nobody gave a right: the database, its tables, the server's other databases"
    everybody = """
        SELECT 'table ' || relname FROM pg_class, aclexplode(relacl) WHERE grantee = 0
        AND relnamespace = 'public'::regnamespace
        UNION ALL SELECT 'schema ' || nspname FROM pg_namespace, aclexplode(nspacl) WHERE grantee = 0
        AND nspname = 'public'
        UNION ALL SELECT 'database ' || datname FROM pg_database,
            aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE grantee = 0
        AND datname IN (current_database(), 'windsock', 'postgres', 'template1')
    """
    assert served.rows(everybody) == []
    # Not even a statement to try: the door is the database's.
    with served.cluster.superuser() as superuser:
        superuser.execute("CREATE ROLE passer_by LOGIN PASSWORD 'x'")
        try:
            databases = [served.name, "windsock", "postgres", "template1"]
            entered = [name for name in databases if can_enter(served, name)]
        finally:
            superuser.execute("DROP ROLE passer_by")
    trial.times, trial.lost = len(databases), len(entered)
    assert entered == []


def can_enter(database: Database, name: str) -> bool:
    """Whether somebody without any right gets into a database of the server."""
    address = database.cluster.url("passer_by", name).replace("passer_by@", "passer_by:x@")
    try:
        psycopg.connect(address).close()
    except psycopg.OperationalError as error:
        assert "permission denied for database" in str(error)  # noqa: PT017 - a refusal is the good end
        return False
    return True


def test_the_api_reads_only_unless_it_says_otherwise(served: Database) -> None:
    with psycopg.connect(served.url(roles.API), autocommit=True) as connection:
        assert connection.execute("SHOW default_transaction_read_only").fetchone() == ("on",)
        with pytest.raises(errors.ReadOnlySqlTransaction):
            connection.execute(STATION)


def test_a_query_of_the_api_ends_in_time(served: Database, trial: Trial) -> None:
    trial.what = "windsock_api sleeps for ten minutes: the server ends it after WINDSOCK_API_STATEMENT_TIMEOUT_MS"
    variables = {"WINDSOCK_DATABASE_URL": served.url(roles.API), "WINDSOCK_API_STATEMENT_TIMEOUT_MS": "200"}
    reads = Reads(load(ApiSettings, variables))
    try:
        with pytest.raises(UnavailableError):
            reads.rows("SELECT pg_sleep(600)", {})
    finally:
        reads.close()
    trial.times = 1
