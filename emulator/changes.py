"""Change sets and updates of stacks: what a condition toggles, what is replaced, and events of what changes only."""

from __future__ import annotations

import threading
from typing import Any

from ministack.services.cloudformation import changesets, engine, provisioners, stacks

from emulator.replacement import REPLACING

_lock = threading.Lock()
_waiting: dict[tuple[str, str], tuple[Any, ...]] = {}
"""The events of updates that have begun and may change nothing, by stack id and logical name."""
_new: set[tuple[str, str]] = set()
"""What an update makes, by stack id and logical name."""


def install() -> None:
    """Repair all three."""
    provisioners._REPLACING_PROPERTIES |= REPLACING
    changesets._resolve_props_for_diff = _of_what_is_there(changesets._resolve_props_for_diff)
    add = stacks._add_event
    stacks._add_event = _as_cloudformation_tells(add)
    stacks._update_resource = _announced(stacks._update_resource, add)


def _of_what_is_there(resolve: Any) -> Any:
    """Compare what there is: MiniStack compares all resources of the templates, whatever their conditions say."""

    def repaired(template: dict[str, Any], parameters: dict[str, Any], *rest: Any) -> dict[str, Any]:
        resolved: dict[str, Any] = resolve(template, parameters, *rest)
        conditions = engine._evaluate_conditions(template, parameters) if template else {}
        there = {
            name: resource
            for name, resource in resolved.get("Resources", {}).items()
            if conditions.get(resource.get("Condition"), True)
        }
        return {**resolved, "Resources": there}

    return repaired


def _as_cloudformation_tells(add: Any) -> Any:
    """Events of an update: CREATE_... of what is new, none of what stays as it is. MiniStack calls all UPDATE_..."""

    def repaired(
        stack_id: str,
        stack: str,
        name: str,
        kind: str,
        status: str,
        reason: str = "",
        physical_id: str = "",
        detailed_status: str = "",
    ) -> None:
        key = (stack_id, name)
        event: tuple[Any, ...] = (stack_id, stack, name, kind, status, reason, physical_id, detailed_status)
        if kind == "AWS::CloudFormation::Stack":
            add(*event)
            return
        there = _records(stack).get(name)
        with _lock:
            if status == "UPDATE_IN_PROGRESS" and not reason:
                if there is None:
                    _new.add(key)
                else:
                    _waiting[key] = event
                    return
            if status.startswith("UPDATE_") and key in _new:
                event = (stack_id, stack, name, kind, status.replace("UPDATE_", "CREATE_"), *event[5:])
                if status != "UPDATE_IN_PROGRESS":
                    _new.discard(key)
                if there:
                    there["ResourceStatus"] = event[4]
            begun = _waiting.pop(key, None)
        if begun:
            if status == "UPDATE_COMPLETE":
                return  # it began and ended without a change: nobody is told
            add(*begun)
        add(*event)

    return repaired


def _records(stack: str) -> dict[str, dict[str, Any]]:
    from ministack.services.cloudformation import _stacks  # noqa: PLC0415 - filled when the first stack is made

    found: dict[str, dict[str, Any]] = (_stacks.get(stack) or {}).get("_resources", {})
    return found


def _announced(update: Any, tell: Any) -> Any:
    """Tell of an update when something is changed; keep the attributes that an update in place does not give anew."""

    def repaired(
        kind: str, physical_id: str, before: Any, now: Any, stack: str, name: str = "", attributes: Any = None
    ) -> Any:
        if before != now:
            with _lock:
                begun = next((key for key in _waiting if key[1] == name and _waiting[key][1] == stack), None)
                event = _waiting.pop(begun) if begun else None
            if event:
                tell(*event)
        made_id, made = update(kind, physical_id, before, now, stack, name, attributes)
        return made_id, {**(attributes or {}), **made} if made_id == physical_id else made

    return repaired
