"""Environment variables of both programs."""

from __future__ import annotations

from collections.abc import Iterator

from app.settings import ApiSettings
from runtime.environment import SettingsError, describe, load
from worker.settings import OnePassSettings, ScheduleSettings
from worker.sources import parse_address

PROGRAMS = (ApiSettings, OnePassSettings, ScheduleSettings)
GOOD = {
    "WINDSOCK_DATABASE_URL": "postgresql://windsock_api@127.0.0.1/windsock",
    "WINDSOCK_SOURCE": "s3://weather/wx",
    "WINDSOCK_API_BIND": "[::1]:8000",
    "WINDSOCK_SCHEDULE": "0 6 * * *",
}


def seeds() -> Iterator[bytes]:
    """All variables with their defaults, and a few more."""
    for number, program in enumerate(PROGRAMS):
        told = {variable.name: variable.default for variable in describe(program) if variable.default} | GOOD
        yield bytes([number]) + "\0".join(f"{name}={value}" for name, value in told.items()).encode()
    yield b"\1WINDSOCK_SOURCE=s3://x\0WINDSOCK_DATABASE_URL=postgresql://a:b@[::1/\0WINDSOCK_JOBS=99"


def check(data: bytes) -> None:
    """It is taken, or what is wrong is said of each variable by its name; an address is in one form already."""
    program = PROGRAMS[data[0] % len(PROGRAMS)] if data else ApiSettings
    words = [word.partition("=") for word in data[1:].decode("utf-8", "surrogateescape").split("\0")]
    environ = {name: value for name, _, value in words}
    names = {variable.name for variable in describe(program)}
    try:
        load(program, environ)
    except SettingsError as error:
        assert all(any(name in line for name in names) for line in str(error).splitlines()), str(error)
    for text in environ.values():
        try:
            address = parse_address(text)
        except ValueError as error:
            assert str(error)
        else:
            assert parse_address(address) == address
