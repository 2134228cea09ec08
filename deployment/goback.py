"""Going back: how stacks were before a release, and putting them back there when it fails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deployment import stack
from deployment.events import Say
from deployment.stack import Wanted
from deployment.stacks import Deployment

Saved = dict[str, dict[str, Any]]
"""By stack: its template, its parameters, its tags."""


def save(these: Deployment, only: Iterable[str]) -> Saved:
    """How stacks are now; those that do not exist, or never worked, are left out."""
    found: Saved = {}
    for which in only:
        client, name = these.client(which), these.name(which)
        if stack.outputs(client, name) is None:
            continue
        described = client.describe_stacks(StackName=name)["Stacks"][0]
        if described["StackStatus"] not in stack.USABLE:
            continue
        found[which] = {
            "body": client.get_template(StackName=name, TemplateStage="Original")["TemplateBody"],
            "parameters": stack.parameters(client, name),
            "tags": {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])},
        }
    return found


def restore(these: Deployment, saved: Mapping[str, Mapping[str, Any]], say: Say) -> list[str]:
    """Put stacks back to how they were, those that need others first. A stack that is as it was is left alone.

    Returns:
        Those that were changed.

    Raises:
        StackError: One cannot be put back.
    """
    changed = []
    for which in reversed(list(these.kit.order(saved).static_order())):
        before = saved[which]
        wanted = Wanted(
            these.name(which), before["body"], before["parameters"], before["tags"], {}, these.place.stack_role
        )

        def tell(line: str, which: str = which) -> None:
            say(f"  {which:<10} {line}")

        watch = these.watch(which, wanted.parameters, tell)
        if stack.deploy(these.client(which), wanted, tell, watch).changes:
            changed.append(which)
    return changed
