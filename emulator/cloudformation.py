"""Adding resource types to MiniStack's CloudFormation, and repairing those that it has."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.config import Config
from ministack.core.responses import get_account_id, get_region
from ministack.services.cloudformation import provisioners, stacks

from emulator.settings import endpoint

Properties = Mapping[str, Any]
Made = tuple[str, dict[str, Any]]
"""A resource's physical id (what `Ref` gives) and its attributes (what `GetAtt` gives)."""
Create = Callable[[str, Properties, str], Made]
"""Makes a resource of a logical id, its properties and its stack's name."""
Delete = Callable[[str, Properties], None]
Update = Callable[[str, Properties, Properties, str, str], Made]
"""Changes a resource of a physical id, its properties before and now, its stack's name and its logical id."""

HANDLERS: dict[str, dict[str, Any]] = provisioners._RESOURCE_HANDLERS
_off_loop: set[str] = set()


def client(service: str) -> Any:
    """A client of this very emulator, in the account and the region of the stack that is being worked on."""
    return _client(service, get_account_id(), get_region())


@functools.cache
def _client(service: str, account: str, region: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=endpoint(),
        region_name=region,
        aws_access_key_id=account,
        aws_secret_access_key="test",  # noqa: S106 - the emulator takes any
        config=Config(retries={"max_attempts": 3}, read_timeout=300, s3={"addressing_style": "path"}),
    )


def account_id() -> str:
    """The account of the stack that is being worked on."""
    return str(get_account_id())


def region() -> str:
    """The region of the stack that is being worked on."""
    return str(get_region())


def register(kind: str, create: Create, delete: Delete, update: Update | None = None) -> None:
    """Add a type that MiniStack refuses. Without `update` a change in place, such as one of tags, is ignored."""
    HANDLERS[kind] = {
        "create": create,
        "delete": delete,
        "update": update or (lambda physical_id, _before, _now, _stack, _name: (physical_id, {})),
        "update_with_logical_id": True,
    }
    off_loop(kind)


def again(create: Create) -> Update:
    """The update of a type whose creation may be repeated under the same name."""
    return lambda _id, _before, now, stack, name: create(name, now, stack)


def repair(kind: str, create: Callable[[Create], Create]) -> None:
    """Put something around the creation of a type that MiniStack has."""
    HANDLERS[kind]["create"] = create(HANDLERS[kind]["create"])
    off_loop(kind)


def off_loop(kind: str) -> None:
    """Say that a type's creation asks this server: it must not run on the loop that would answer."""
    _off_loop.add(kind)


def nothing(_physical_id: str, _properties: Properties) -> None:
    """The deletion of what is gone with something else."""


def name_for(stack: str, logical_id: str, *, lower: bool = False, length: int = 60) -> str:
    """The name that CloudFormation would give, of the stack's and the resource's names: the same at each call."""
    return str(provisioners._physical_name(stack, logical_id, lowercase=lower, max_len=length))


def boolean(value: object) -> bool:
    """A template's truth, which may be text."""
    return str(value).lower() == "true"


def install() -> None:
    """Run what asks this server itself in a thread of its own."""
    before = stacks._runs_on_worker_thread
    stacks._runs_on_worker_thread = lambda kind: kind in _off_loop or before(kind)
