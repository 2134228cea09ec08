"""The address of a database server's name: a container that passes connections on to the server that has the name.

On AWS the address is a name in DNS, and when a server is renamed it leads to whichever server has the name then.
Clients here are told an IP address instead, and on its default network Docker lets nobody choose one: so the address
belongs to a container of its own, which stays where it is while servers change their names.
"""

from __future__ import annotations

from typing import Any

from docker import errors
from ministack.services import rds

from emulator.settings import LABEL, port

IMAGE = "python:3.13-slim-trixie"
_NAME_LABEL = f"{LABEL}.database"
_SERVER = "/tmp/server"  # noqa: S108 - in a container that nobody else is in
_PROGRAM = f"""
import asyncio, pathlib

async def pass_on(reader, writer):
    try:
        while block := await reader.read(1 << 16):
            writer.write(block)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()

async def connected(reader, writer):
    server = pathlib.Path({_SERVER!r})
    try:
        there = await asyncio.open_connection(server.read_text().strip(), 5432)
    except OSError:  # no server has the name, or it does not answer
        writer.close()
        return
    await asyncio.gather(pass_on(reader, there[1]), pass_on(there[0], writer))

async def main():
    async with await asyncio.start_server(connected, "0.0.0.0", 5432) as server:
        await server.serve_forever()

asyncio.run(main())
"""


def of(identifier: str) -> str:
    """The address of a name, which is made when it is not there."""
    container = _container(identifier)
    if container is None:
        container = rds._get_docker().containers.run(
            IMAGE,
            ["python", "-c", _PROGRAM],
            name=f"windsock-address-{identifier}-{port()}",
            labels={LABEL: str(port()), _NAME_LABEL: identifier},
            init=True,
            detach=True,
        )
        container.reload()
    networks = container.attrs["NetworkSettings"]["Networks"].values()
    return next(str(network["IPAddress"]) for network in networks if network["IPAddress"])


def lead(identifier: str, server: str | None) -> None:
    """Have new connections to a name led to a server's container, or to none."""
    container = _container(identifier)
    if container is not None:
        command = f"echo {server} > {_SERVER}" if server else f"rm -f {_SERVER}"
        container.exec_run(["sh", "-c", command])


def keep_only(identifiers: set[str]) -> None:
    """Give up the addresses of all other names."""
    for container in _containers():
        if container.labels[_NAME_LABEL] not in identifiers:
            container.remove(force=True, v=True)


def _container(identifier: str) -> Any:
    return next((each for each in _containers() if each.labels[_NAME_LABEL] == identifier), None)


def _containers() -> list[Any]:
    docker = rds._get_docker()
    try:
        found: list[Any] = docker.containers.list(filters={"label": [f"{LABEL}={port()}", _NAME_LABEL]})
    except errors.NotFound:  # one of them went while they were listed
        return _containers()
    return found
