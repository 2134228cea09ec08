"""Where the server listens: for this machine and its containers, not for the network that the machine is in."""

from __future__ import annotations

import socket
from typing import Any

import hypercorn.asyncio
from ministack.services import ecs

from emulator.settings import port


def install() -> None:
    """Listen at the address that containers have for this machine, too. Nobody is asked for a password."""
    serve = hypercorn.asyncio.serve

    async def serve_containers(app: Any, config: Any, **options: Any) -> None:
        config.bind = [*config.bind, *(f"{address}:{port()}" for address in _bridge_addresses())]
        await serve(app, config, **options)

    hypercorn.asyncio.serve = serve_containers


def _bridge_addresses() -> list[str]:
    """This machine's addresses in Docker's bridge. Docker Desktop has none here: it leads containers to 127.0.0.1."""
    docker = ecs._get_docker()
    if docker is None:
        return []
    configured = docker.networks.get("bridge").attrs["IPAM"]["Config"] or []
    return [entry["Gateway"] for entry in configured if entry.get("Gateway") and _is_here(entry["Gateway"])]


def _is_here(address: str) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return ":" not in address
