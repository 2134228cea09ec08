"""Secrets Manager calls the project's own rotation function, which changes the password in the real database."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError
from psycopg import sql

from tests.conftest import PROJECT, wait_until
from tests.integration.emulator.conftest import Emulator
from tests.integration.emulator.kit import USUAL, Stacks
from worker import package

pytestmark = pytest.mark.docker

NEEDED = ("network", "storage", "database")


@pytest.fixture(scope="module")
def rotating(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Stacks:
    """A database whose passwords rotate, with the packaged function and the emulator's authority."""
    folder = tmp_path_factory.mktemp("rotation")
    libraries = folder / "libraries"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", libraries]
    subprocess.run([*command, "--requirement", PROJECT / "requirements/rotation.txt"], check=True)
    files = package.library_files(libraries) | package.project_files(package.ROTATION)
    certificates = {package.CERTIFICATES: (emulator.folder / "ca.pem").read_bytes()}
    built = package.write("rotation", files | certificates, folder)
    stacks = Stacks(emulator.place, "turn", code={"rotation.zip": built})
    stacks.deploy(*NEEDED, chosen={**USUAL, "database": {**USUAL["database"], "RotationDays": 30}})
    return stacks


def secret_arn(emulator: Emulator, stacks: Stacks, which: str) -> str:
    return emulator.outputs(stacks.name("database"))[f"{which}SecretArn"]


def current(emulator: Emulator, arn: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(emulator.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])
    return found


def connect(emulator: Emulator, login: dict[str, Any]) -> psycopg.Connection[Any]:
    return psycopg.connect(
        host=login["host"], port=login["port"], dbname=login["dbname"], user=login["username"],
        password=login["password"], sslmode="verify-full", sslrootcert=str(emulator.folder / "ca.pem"),
        autocommit=True,
    )  # fmt: skip


def test_a_rotation_changes_the_password_in_the_database_and_then_in_the_secret(
    emulator: Emulator, rotating: Stacks
) -> None:
    arn = secret_arn(emulator, rotating, "Owner")
    before = current(emulator, arn)
    version = emulator.client("secretsmanager").rotate_secret(SecretId=arn)["VersionId"]
    wait_until(lambda: current(emulator, arn) != before, "the secret has a new password", 60)
    after = current(emulator, arn)
    assert {key for key in after if after[key] != before[key]} == {"password"}
    stages = emulator.client("secretsmanager").describe_secret(SecretId=arn)["VersionIdsToStages"]
    assert "AWSCURRENT" in stages[version]
    with connect(emulator, after) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("windsock_owner",)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(emulator, before)


def test_an_update_of_the_stack_keeps_the_rotated_password(emulator: Emulator, rotating: Stacks) -> None:
    arn = secret_arn(emulator, rotating, "Owner")
    before = current(emulator, arn)
    emulator.client("secretsmanager").rotate_secret(SecretId=arn)
    wait_until(lambda: current(emulator, arn) != before, "the secret has a new password", 60)
    changed = {**USUAL["database"], "RotationDays": 30, "BackupDays": 9}
    rotating.deploy(*NEEDED, chosen={**USUAL, "database": changed})
    connect(emulator, current(emulator, arn)).close()


def test_a_rotation_that_fails_leaves_the_password_that_works(emulator: Emulator, rotating: Stacks) -> None:
    arn = secret_arn(emulator, rotating, "Worker")  # whose role no migration has made yet
    before = current(emulator, arn)
    emulator.client("secretsmanager").rotate_secret(SecretId=arn)
    log = emulator.folder / "log"
    wait_until(lambda: "failed at setSecret" in log.read_text(), "the failure is in the log", 60)
    assert current(emulator, arn) == before

    with connect(emulator, current(emulator, secret_arn(emulator, rotating, "Owner"))) as connection:
        connection.execute(
            sql.SQL("CREATE ROLE windsock_worker LOGIN PASSWORD {}").format(sql.Literal(before["password"]))
        )
    emulator.client("secretsmanager").rotate_secret(SecretId=arn)
    wait_until(lambda: current(emulator, arn) != before, "the next rotation succeeds", 60)
    connect(emulator, current(emulator, arn)).close()


def test_a_function_that_secrets_manager_may_not_call_is_refused(emulator: Emulator, rotating: Stacks) -> None:
    functions = emulator.client("lambda")
    name = emulator.outputs(rotating.name("database"))["RotationFunctionName"]
    policy = json.loads(functions.get_policy(FunctionName=name)["Policy"])
    for statement in policy["Statement"]:
        functions.remove_permission(FunctionName=name, StatementId=statement["Sid"])
    with pytest.raises(ClientError, match="cannot invoke the specified Lambda function") as caught:
        emulator.client("secretsmanager").rotate_secret(SecretId=secret_arn(emulator, rotating, "Api"))
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
