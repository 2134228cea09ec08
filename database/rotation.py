"""The rotation function: an AWS Lambda function that changes a database role's password when Secrets Manager asks.

Each of the three roles changes its own password, logged in with the current one. Secrets Manager calls four times, with
the names of the steps: createSecret makes a new password and keeps it as AWSPENDING; setSecret gives it to the role;
testSecret logs in with it; finishSecret makes it AWSCURRENT. Each step may be repeated: what is done already is left.
https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html

Between setSecret and finishSecret, a second or two, the secret's current password is the old one. Programs read the
secret again when a login is refused, and the pending version where the current one is what was refused.

It uses the standard library, boto3 and pg8000, which is Python all through: one package for every processor.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pg8000.native

CERTIFICATES = Path(__file__).parent / "rds.pem"
PASSWORD_LENGTH = 40
EXCLUDED = "/@\"'\\ `"  # as in database.yaml: what RDS refuses, and what has a meaning in a URL or a shell
CONNECT_TIMEOUT_S = 10

# What PostgreSQL itself uses: https://www.postgresql.org/docs/current/runtime-config-connection.html
SCRAM_ITERATIONS = 4096
SCRAM_SALT_BYTES = 16


class RotationError(Exception):
    """The password could not be changed; the old one goes on working. The text says which step failed and why."""


def handler(event: Mapping[str, str], _context: Any) -> None:
    """What AWS Lambda calls for each step.

    Raises:
        RotationError: the step cannot be done. Secrets Manager tries again and keeps the current password.
    """
    secret, token, step = event["SecretId"], event["ClientRequestToken"], event["Step"]
    steps = {"createSecret": _create, "setSecret": _set, "testSecret": _test, "finishSecret": _finish}
    if step not in steps:
        raise RotationError(f"there is no step {step}: Secrets Manager has {', '.join(steps)}")
    client = boto3.client("secretsmanager")
    _check_version(client, secret, token)
    done = steps[step](client, secret, token)
    line = {"level": "INFO", "logger": __name__, "message": done, "action": step, "secret": secret}
    sys.stdout.write(json.dumps(line) + "\n")


def _check_version(client: Any, secret: str, token: str) -> None:
    described = client.describe_secret(SecretId=secret)
    if not described.get("RotationEnabled"):
        raise RotationError(f"the secret {secret} is not set up for rotation")
    if token not in described.get("VersionIdsToStages", {}):
        raise RotationError(f"the secret {secret} has no version {token}")


def _create(client: Any, secret: str, token: str) -> str:
    if _read(client, secret, "AWSPENDING", token) is not None:
        return "the new password is there already"
    current = _current(client, secret)
    password = client.get_random_password(PasswordLength=PASSWORD_LENGTH, ExcludeCharacters=EXCLUDED)["RandomPassword"]
    client.put_secret_value(
        SecretId=secret,
        ClientRequestToken=token,
        SecretString=json.dumps({**current, "password": password}),
        VersionStages=["AWSPENDING"],
    )
    return "a new password is made"


def _set(client: Any, secret: str, token: str) -> str:
    pending = _pending(client, secret, token)
    if _logs_in(pending):
        return "the role has the new password already"
    current = _current(client, secret)
    if (current["username"], current.get("host")) != (pending["username"], pending.get("host")):
        raise RotationError("the new version is of another role or server than the current one")
    connection = _connect(current)
    try:
        # The verifier, not the password: what the server logs cannot be used to log in.
        verifier = scram_verifier(pending["password"], os.urandom(SCRAM_SALT_BYTES))
        name = pg8000.native.identifier(current["username"])
        connection.run("SET default_transaction_read_only = off")  # the API's sessions begin with it on
        connection.run(f"ALTER ROLE {name} PASSWORD {pg8000.native.literal(verifier)}")
    finally:
        connection.close()
    return "the role has the new password"


def _test(client: Any, secret: str, token: str) -> str:
    pending = _read(client, secret, "AWSPENDING", token)
    current = _current(client, secret)
    # When rotation is set up, Secrets Manager tries this one step, before there is a new password or even the role.
    if pending is None or pending["password"] == current["password"]:
        return "rotation is set up; there is no new password to try"
    _connect(pending).close()
    return "the new password lets the role in"


def _finish(client: Any, secret: str, token: str) -> str:
    stages = client.describe_secret(SecretId=secret)["VersionIdsToStages"]
    current = next((version for version, names in stages.items() if "AWSCURRENT" in names), None)
    if current == token:
        return "the new password is the current one already"
    client.update_secret_version_stage(
        SecretId=secret, VersionStage="AWSCURRENT", MoveToVersionId=token, RemoveFromVersionId=current
    )
    return "the new password is the current one"


def _read(client: Any, secret: str, stage: str, token: str | None = None) -> dict[str, Any] | None:
    version = {"VersionId": token} if token else {}
    try:
        text = client.get_secret_value(SecretId=secret, VersionStage=stage, **version).get("SecretString")
    except client.exceptions.ResourceNotFoundException:
        return None
    if not text:
        return None
    try:
        fields: dict[str, Any] = json.loads(text)
        missing = {"username", "password", "host", "port", "dbname"} - set(fields)
    except (ValueError, TypeError) as error:
        raise RotationError(f"the secret {secret} is not a JSON object") from error
    if missing:
        raise RotationError(
            f"the secret {secret} has no {', '.join(sorted(missing))}: it is not attached to a database"
        )
    return fields


def _current(client: Any, secret: str) -> dict[str, Any]:
    current = _read(client, secret, "AWSCURRENT")
    if current is None:
        raise RotationError(f"the secret {secret} has no current version")
    return current


def _pending(client: Any, secret: str, token: str) -> dict[str, Any]:
    pending = _read(client, secret, "AWSPENDING", token)
    if pending is None:
        raise RotationError(f"the secret {secret} has no new password: createSecret comes first")
    return pending


def _connect(login: Mapping[str, Any]) -> pg8000.native.Connection:
    try:
        return pg8000.native.Connection(
            login["username"],
            host=login["host"],
            port=int(login["port"]),
            database=login["dbname"],
            password=login["password"],
            timeout=CONNECT_TIMEOUT_S,
            ssl_context=ssl.create_default_context(cafile=str(CERTIFICATES)),  # checks the name too: verify-full
            application_name="windsock-rotation",
        )
    except (pg8000.native.DatabaseError, pg8000.native.InterfaceError, OSError) as error:
        reason = error.args[0].get("M") if error.args and isinstance(error.args[0], dict) else error
        raise RotationError(f"{login['username']} cannot log in at {login['host']}: {reason}") from error


def _logs_in(login: Mapping[str, Any]) -> bool:
    try:
        _connect(login).close()
    except RotationError:
        return False
    return True


def scram_verifier(password: str, salt: bytes, iterations: int = SCRAM_ITERATIONS) -> str:
    """What PostgreSQL stores of a password of ASCII characters, as `pg_authid.rolpassword` has it (RFC 5803)."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${iterations}:{encoded[0]}${encoded[1]}:{encoded[2]}"
