"""Which variables of an inventory would make it cheaper, by how much, and what is given up for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deployment.cost import Estimate, Parameters
from deployment.prices import Prices

_WORTH_NAMING = 0.50
"""US dollars a month."""

# Stack, parameter, the other value, what is given up.
_CHOICES = (
    ("database", "MultiZone", "no", "when the server or its zone fails, the API is away until a new one is there"),
    ("database", "ReadReplica", "no", "the API reads from the server that is written to"),
    ("network", "NatMode", "one", "when its zone fails, tasks of the others cannot pull images until it is back"),
    ("network", "NatMode", "instance", "a small server instead of a gateway: nobody replaces it within seconds"),
    ("network", "InterfaceEndpoints", "no", "AWS's services are reached by NatMode's way"),
    ("api", "CpuArchitecture", "ARM64", "nothing, unless your own image needs x86"),
    ("ingestion", "CpuArchitecture", "ARM64", "nothing, unless your own image needs x86"),
    ("api", "Capacity", "spot", "AWS may end a task with two minutes' notice, and all of them at once"),
    ("ingestion", "Capacity", "spot", "a pass may be ended and is then started again; nothing is lost"),
    ("api", "MinTasks", "1", "while a task that failed is replaced, nobody answers"),
    ("edge", "Firewall", "no", "no limit of requests for an address, no rules against known attacks"),
)


@dataclass(frozen=True)
class Saving:
    """One change of an inventory that saves money."""

    variable: str
    value: str
    usd: float
    """US dollars a month less."""
    given_up: str


def savings(given: Parameters, prices: Prices, cost: Callable[[Parameters], Estimate]) -> list[Saving]:
    """What would be cheaper, each change by itself, the largest first.

    Args:
        given: The parameters of all stacks.
        prices: To find the next smaller server.
        cost: What parameters cost.
    """
    choices = list(_CHOICES)
    size, servers = given["database"]["InstanceClass"], prices.servers()
    if size in servers and servers.index(size) > 0:
        smaller = servers[servers.index(size) - 1]
        choices.append(("database", "InstanceClass", smaller, "half the memory: larger tables are read from disk"))
    now = cost(given).total
    found = []
    for stack, name, value, given_up in choices:
        if given[stack][name] == value:
            continue
        saved = now - cost(_with(given, stack, name, value)).total
        if saved >= _WORTH_NAMING:
            found.append(Saving(f"stack_parameters.{stack}.{name}", value, saved, given_up))
    return sorted(found, key=lambda saving: -saving.usd)


def _with(given: Parameters, stack: str, name: str, value: str) -> dict[str, Mapping[str, str]]:
    return {**given, stack: {**given[stack], name: value}}
