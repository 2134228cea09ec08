"""The API's password changed under load, in a file and in AWS Secrets Manager (moto's server stands in for it)."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from psycopg import sql

from database import roles
from tests.conftest import PASSWORDS, Database, wait_until
from tests.integration.api.conftest import Served, serving_api
from tests.resilience.serving import PAGES, own_server, process_ids
from tests.resilience.traffic import Traffic
from tests.resilience.trials import Trial

CLIENTS = 16


def set_password(database: Database, password: str) -> None:
    """Give the API's role another password."""
    with database.cluster.superuser() as connection:
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(roles.API), sql.Literal(password))
        )


def answered(traffic: Traffic) -> None:
    """Wait until each client has had an answer to a request of after this moment."""
    now = time.monotonic()
    wait_until(lambda: len(traffic.since(now)) > 4 * CLIENTS, "requests are answered")


def log_in_again(database: Database, traffic: Traffic) -> None:
    """Have every connection of the API opened again, with whatever password it then has."""
    with database.cluster.superuser() as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [roles.API])
    answered(traffic)


def rotate_under_load(
    trial: Trial, times: int, served: Served, database: Database, rotate: Callable[[str, Traffic], None]
) -> None:
    """Change the password again and again; no request may notice, and no process may be another one afterwards."""
    processes = process_ids(served)
    with Traffic(served.port, PAGES, CLIENTS, rate=100) as traffic:
        answered(traffic)  # the first login of each process is slow where it has to import boto3
        began = time.monotonic()
        for _ in range(times):
            rotate(uuid.uuid4().hex, traffic)
            log_in_again(database, traffic)
            trial.times += 1
    answers = traffic.since(began)
    trial.lost = len([answer for answer in answers if answer.status != 200])
    trial.seen = f"{len(answers)} requests, all answered with 200"
    assert not trial.lost
    assert process_ids(served) == processes


def without_password(database: Database) -> dict[str, str]:
    """The API's variables, with an address that has no password."""
    address = f"postgresql://{roles.API}@127.0.0.1:{database.cluster.port}/{database.name}"
    return {**database.environment(roles.API), "WINDSOCK_DATABASE_URL": address}


def test_a_password_file_may_change(trial: Trial, full: bool, tmp_path: Path) -> None:
    trial.what, file = "the password in a file changed under load", tmp_path / "password"
    file.write_text(PASSWORDS[roles.API])
    with own_server() as (_server, database):
        variables = {**without_password(database), "WINDSOCK_DATABASE_PASSWORD_FILE": str(file)}

        def rotate(password: str, _traffic: Traffic) -> None:
            file.write_text(password)
            set_password(database, password)

        with serving_api(variables, tmp_path / "log") as served:
            rotate_under_load(trial, 50 if full else 4, served, database, rotate)


@pytest.fixture
def secrets_manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of a server that answers as Secrets Manager does; this process's variables lead to it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "tests")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    yield boto3.client("secretsmanager")
    server.stop()


def test_a_secret_may_be_rotated(trial: Trial, full: bool, secrets_manager: Any, tmp_path: Path) -> None:
    trial.what = "the password in Secrets Manager rotated under load, with logins at every step"

    def login(password: str) -> str:
        return json.dumps({"username": roles.API, "password": password})

    arn = secrets_manager.create_secret(Name=f"api-{uuid.uuid4()}", SecretString=login(PASSWORDS[roles.API]))["ARN"]
    with own_server() as (_server, database):

        def rotate(password: str, traffic: Traffic) -> None:
            """The steps of database/rotation.py."""
            stages = secrets_manager.describe_secret(SecretId=arn)["VersionIdsToStages"]
            before = next(version for version, names in stages.items() if "AWSCURRENT" in names)
            token = str(uuid.uuid4())
            secrets_manager.put_secret_value(
                SecretId=arn, ClientRequestToken=token, SecretString=login(password), VersionStages=["AWSPENDING"]
            )
            log_in_again(database, traffic)
            set_password(database, password)
            log_in_again(database, traffic)
            secrets_manager.update_secret_version_stage(
                SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=before
            )

        variables = {**without_password(database), "WINDSOCK_DATABASE_SECRET": arn}
        with serving_api(variables, tmp_path / "log") as served:
            rotate_under_load(trial, 20 if full else 2, served, database, rotate)
