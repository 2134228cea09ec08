"""Passwords that may change while a program runs: read when a connection is opened, read again when one is refused."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

from database.settings import DatabaseSettings

Login = dict[
    str, str
]  # what to give psycopg on top of the URL: {"password": ...}, with "user" when the secret names it


class CredentialsError(Exception):
    """The password's file or secret cannot be read; the text says which and why."""


class Credentials:
    """The current login, kept until `refresh` finds that its source holds another one.

    `read` gives the login that the source holds, `upcoming` the one that it is about to hold, where there is one.
    """

    def __init__(self, read: Callable[[], Login], upcoming: Callable[[], Login | None] = lambda: None) -> None:
        self._read = read
        self._upcoming = upcoming
        self._lock = threading.Lock()
        self._login: Login | None = None

    def current(self) -> Login:
        """The login as last read; it is read at the first call."""
        with self._lock:
            if self._login is None:
                self._login = self._read()
            return self._login

    def refresh(self, refused: Login) -> bool:
        """Read the source again after `refused` was not let in; True if there is now another login to try."""
        with self._lock:
            if self._login == refused:
                self._login = self._read()
            if self._login == refused:
                self._login = self._upcoming() or refused
            return self._login != refused


def credentials_of(settings: DatabaseSettings) -> Credentials:
    """The source of the login that the settings name: a secret, else a file, else what the URL itself holds."""
    if settings.secret:
        name = settings.secret
        # A rotation gives the role its new password a second or two before it makes it the secret's current one.
        return Credentials(lambda: read_secret(name), lambda: _pending_secret(name))
    if settings.password_file:
        return Credentials(lambda: {"password": read_password_file(settings.password_file or "")})
    return Credentials(dict)


def given_password(secret: str | None, password_file: str | None) -> str | None:
    """The password in the secret, else in the file; None where neither is named.

    Raises:
        CredentialsError: it cannot be read.
    """
    if secret:
        return read_secret(secret)["password"]
    return read_password_file(password_file) if password_file else None


def read_password_file(path: str) -> str:
    """The password in a file, without the line end that editors add.

    Raises:
        CredentialsError: the file cannot be read or is empty.
    """
    try:
        password = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise CredentialsError(f"the password file {path} cannot be read: {error.strerror}") from error
    if not password:
        raise CredentialsError(f"the password file {path} is empty")
    return password


def _pending_secret(name: str) -> Login | None:
    try:
        return read_secret(name, "AWSPENDING")
    except CredentialsError:
        return None  # as most of the time; if it cannot be read, neither could the current one


def read_secret(name: str, stage: str = "AWSCURRENT") -> Login:
    """The login in an AWS Secrets Manager secret of the form that RDS rotation uses: JSON with username and password.

    `stage` is the label of the version that is read.

    Raises:
        CredentialsError: the secret cannot be read or has another form.
    """
    # Here, not above: most places have no secret, and boto3 takes a third of a second to import.
    import boto3  # noqa: PLC0415
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        text = boto3.client("secretsmanager").get_secret_value(SecretId=name, VersionStage=stage)["SecretString"]
        fields = json.loads(text)
        return {"user": fields["username"], "password": fields["password"]}
    except (BotoCoreError, ClientError) as error:
        raise CredentialsError(f"the secret {name} cannot be read: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise CredentialsError(f"the secret {name} is not a JSON object with username and password") from error
