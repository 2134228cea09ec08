"""The rotation function against a real PostgreSQL with TLS; Secrets Manager is moto's, since no AWS can be reached."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
import socketserver
import ssl
import subprocess
import threading
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.secretsmanager.models import secretsmanager_backends

from database import roles, rotation
from database.credentials import credentials_of
from database.engine import create_engine
from database.settings import DatabaseSettings
from runtime.environment import load
from tests.conftest import PASSWORDS, Cluster, Database
from worker import package

SSL_REQUEST = (8).to_bytes(4) + (80877103).to_bytes(4)


class TlsDoor(socketserver.ThreadingTCPServer):
    """TLS before the tests' PostgreSQL, which is built without it: speaks PostgreSQL's SSLRequest, then passes on."""

    daemon_threads = True

    def __init__(self, certificate: Path, key: Path, port: int) -> None:
        super().__init__(("127.0.0.1", 0), TlsVisit)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate, key)
        self.behind = ("127.0.0.1", port)


class TlsVisit(socketserver.BaseRequestHandler):
    server: TlsDoor

    def handle(self) -> None:
        assert self.request.recv(8) == SSL_REQUEST
        self.request.sendall(b"S")
        with contextlib.suppress(OSError), socket.create_connection(self.server.behind) as plain:
            visitor = self.server.tls.wrap_socket(self.request, server_side=True)
            back = threading.Thread(target=pump, args=(plain, visitor), daemon=True)
            back.start()
            pump(visitor, plain)
            back.join()


def pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@dataclasses.dataclass(frozen=True)
class Door:
    certificate: Path
    port: int


def self_signed(folder: Path, name: str) -> tuple[Path, Path]:
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -addext subjectAltName=DNS:{name}"
    subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


@pytest.fixture(scope="module")
def door(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    certificate, key = self_signed(tmp_path_factory.mktemp("tls"), "localhost")
    with TlsDoor(certificate, key, cluster.port) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Door(certificate, server.server_address[1])
        server.shutdown()


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch, door: Door) -> Iterator[Any]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tests")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "tests")
    monkeypatch.setattr(rotation, "CERTIFICATES", door.certificate)
    with mock_aws():
        yield boto3.client("secretsmanager")


@pytest.fixture(autouse=True)
def passwords_as_before(cluster: Cluster) -> Iterator[None]:
    """Roles are of the whole server: other tests find their passwords again."""
    yield
    with cluster.superuser() as connection:
        for role, password in PASSWORDS.items():
            connection.execute(f"ALTER ROLE {role} PASSWORD '{password.replace(chr(39), chr(39) * 2)}'".encode())


def make_secret(secrets: Any, door: Door, database: Database, role: str) -> str:
    login = {"username": role, "password": PASSWORDS[role], "host": "localhost", "port": door.port}
    arn = secrets.create_secret(Name=role, SecretString=json.dumps({**login, "dbname": database.name}))["ARN"]
    return str(arn)


def begin(arn: str) -> str:
    """What Secrets Manager does before it calls: a version without a value, waiting. moto has no call for it."""
    token = str(uuid.uuid4())
    secret = stored(arn)
    secret.rotation_requested = secret.rotation_enabled = True
    secret.last_rotation_date = secret.next_rotation_date = 0
    secret.versions[token] = {
        "createdate": 0,
        "version_id": token,
        "version_stages": ["AWSPENDING"],
        "secret_string": None,
        "secret_binary": None,
    }
    return token


def stored(arn: str) -> Any:
    return secretsmanager_backends[DEFAULT_ACCOUNT_ID]["us-east-1"].secrets[arn]


def call(arn: str, token: str, *steps: str) -> None:
    for step in steps:
        rotation.handler({"SecretId": arn, "ClientRequestToken": token, "Step": step}, None)
    # AWS gives the current version where none is named; moto goes on giving the first one.
    versions = stored(arn).versions
    stored(arn).default_version_id = next(it for it in versions if "AWSCURRENT" in versions[it]["version_stages"])


ALL = ("createSecret", "setSecret", "testSecret", "finishSecret")


def current(secrets: Any, arn: str) -> dict[str, Any]:
    return dict(json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"]))


def lets_in(login: dict[str, Any]) -> bool:
    try:
        psycopg.connect(
            host="127.0.0.1",
            port=login["port"],
            dbname=login["dbname"],
            user=login["username"],
            password=login["password"],
        ).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.mark.parametrize("role", [roles.OWNER, roles.WORKER, roles.API])
def test_each_role_gets_a_new_password(secrets: Any, door: Door, database: Database, role: str, capsys: Any) -> None:
    arn = make_secret(secrets, door, database, role)
    before = current(secrets, arn)
    call(arn, begin(arn), *ALL)
    after = current(secrets, arn)
    assert {**after, "password": ""} == {**before, "password": ""}
    assert len(after["password"]) == 40
    assert (lets_in(before), lets_in(after)) == (False, True)
    assert after["password"] not in capsys.readouterr().out


def test_a_program_that_runs_goes_on(secrets: Any, door: Door, database: Database) -> None:
    arn = make_secret(secrets, door, database, roles.API)
    url = f"postgresql://{roles.API}@127.0.0.1:{database.cluster.port}/{database.name}"
    settings = load(DatabaseSettings, {"WINDSOCK_DATABASE_URL": url, "WINDSOCK_DATABASE_SECRET": arn})
    engine = create_engine(settings, "windsock-tests")
    engine.connect().close()
    call(arn, begin(arn), *ALL)
    engine.dispose()
    engine.connect().close()
    engine.dispose()
    assert credentials_of(settings).current()["password"] == current(secrets, arn)["password"]


def test_every_step_may_be_repeated(secrets: Any, door: Door, database: Database) -> None:
    arn = make_secret(secrets, door, database, roles.WORKER)
    token = begin(arn)
    for step in ALL:
        call(arn, token, step, step)
    assert lets_in(current(secrets, arn))


def test_the_trial_before_the_first_rotation_needs_no_role(secrets: Any, door: Door, database: Database) -> None:
    arn = make_secret(secrets, door, database, roles.WORKER)
    token = begin(arn)
    call(arn, token, "testSecret")
    stored(arn).versions[token]["secret_string"] = json.dumps(current(secrets, arn))
    call(arn, token, "testSecret")


def test_what_is_wrong_is_said_and_the_old_password_stays(
    secrets: Any, door: Door, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = make_secret(secrets, door, database, roles.API)
    token = begin(arn)
    with pytest.raises(rotation.RotationError, match="createSecret comes first"):
        call(arn, token, "setSecret")
    with pytest.raises(rotation.RotationError, match="no version another"):
        call(arn, "another", "createSecret")
    with pytest.raises(rotation.RotationError, match="no step dropSecret"):
        call(arn, token, "dropSecret")
    call(arn, token, "createSecret")
    monkeypatch.setattr(rotation, "CERTIFICATES", self_signed(tmp_path, "another")[0])
    with pytest.raises(rotation.RotationError, match="CERTIFICATE_VERIFY_FAILED"):
        call(arn, token, "setSecret")
    assert lets_in(current(secrets, arn))


def test_an_unattached_secret_is_refused(secrets: Any) -> None:
    arn = secrets.create_secret(Name="loose", SecretString='{"username": "a", "password": "b"}')["ARN"]
    with pytest.raises(rotation.RotationError, match="has no dbname, host, port"):
        call(arn, begin(arn), "createSecret")


def test_the_package_holds_the_libraries_and_the_certificates(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    libraries = tmp_path / "libraries"
    (libraries / "pg8000").mkdir(parents=True)
    (libraries / "pg8000" / "native.py").write_text("# a library")
    (libraries / "bin").mkdir()
    (libraries / "bin" / "tool").write_text("#!/machine/path")
    pem = tmp_path / "rds.pem"
    pem.write_text("-----BEGIN CERTIFICATE-----")
    command = ["rotation", str(tmp_path), "--certificates", str(pem), "--libraries", str(libraries)]
    assert package.main(command) == 0

    with zipfile.ZipFile(capsys.readouterr().out.strip()) as opened:
        assert sorted(opened.namelist()) == [
            "database/__init__.py", "database/rds.pem", "database/rotation.py", "pg8000/native.py",
        ]  # fmt: skip
