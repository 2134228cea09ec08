"""Where the emulator is and what it may do: from the environment that `emulator.__main__` gives the server."""

from __future__ import annotations

import os
from pathlib import Path

ACCOUNT = "123456789012"
REGION = "us-east-1"
NETWORK = "windsock-rehearsal"
"""The Docker network of all containers."""
LABEL = "org.windsock.rehearsal"
"""The label that every container of a rehearsal carries; its value is the emulator's port."""


def port() -> int:
    """The port of the server."""
    return int(os.environ["GATEWAY_PORT"])


def public_port() -> int:
    """The port of the public address: CloudFront's distribution."""
    return int(os.environ["EMULATOR_PUBLIC_PORT"])


def endpoint() -> str:
    """The address that the server answers at on this machine."""
    return f"http://127.0.0.1:{port()}"


def folder() -> Path:
    """Where the server leaves what others read, such as the certificate of the databases' authority."""
    return Path(os.environ["EMULATOR_FOLDER"])


def minute_s() -> float:
    """How many seconds a minute of a template has: fewer, so that a rehearsal need not wait."""
    return float(os.environ.get("EMULATOR_MINUTE_SECONDS", "60"))
