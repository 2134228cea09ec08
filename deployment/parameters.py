"""The values of a template's parameters: completed, written as CloudFormation wants them, checked beforehand."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from deployment.templates import Kit, Template


def written(value: object) -> str:
    """A value of the inventory as CloudFormation is given it. YAML reads a bare `yes` as true: it is meant as `yes`."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ",".join(written(entry) for entry in value)
    return "" if value is None else str(value)


def completed(template: Template, values: Mapping[str, object]) -> dict[str, str]:
    """The values given, and the template's defaults for the others that have one."""
    defaults = {name: item["Default"] for name, item in template.parameters.items() if "Default" in item}
    return {name: written(value) for name, value in {**defaults, **values}.items()}


def problems(kit: Kit, chosen: Mapping[str, Mapping[str, object]]) -> list[str]:
    """What is wrong with the parameters that an inventory chooses, a sentence each; nothing when all is well.

    Args:
        kit: The templates.
        chosen: By stack and parameter: the inventory's `stack_parameters`.
    """
    found = []
    for stack, values in chosen.items():
        if stack not in kit.templates:
            found.append(f"stack_parameters.{stack}: there is no such stack; there are {', '.join(kit.templates)}")
            continue
        template, wire = kit.templates[stack], kit.wiring[stack]
        for name, value in (values or {}).items():
            where = f"stack_parameters.{stack}.{name}"
            if name not in template.parameters:
                near = difflib.get_close_matches(name, template.parameters, n=1, cutoff=0.5)
                hint = f"; is {near[0]} meant?" if near else ""
                found.append(f"{where}: {stack}.yaml has no such parameter{hint}")
            elif name in wire.takes or name in wire.given:
                source = wire.takes.get(name, "the deployment itself")
                found.append(f"{where}: it is not the inventory's to give, {source} does")
            elif problem := _problem(template.parameters[name], written(value)) or _range_problem(name, written(value)):
                found.append(f"{where} is {written(value)!r}: {problem}")
    return found


def _problem(declared: Mapping[str, Any], value: str) -> str | None:
    """What is wrong with a value by the template's own rules, and what is accepted."""
    allowed = [written(choice) for choice in declared.get("AllowedValues", [])]
    if allowed and value not in allowed:
        return f"it must be one of {', '.join(allowed)}"
    if declared["Type"] == "Number":
        return _number_problem(declared, value)
    pattern = declared.get("AllowedPattern")
    if pattern and not re.search(pattern, value):
        return str(declared.get("ConstraintDescription", f"it must match {pattern}"))
    if not int(declared.get("MinLength", 0)) <= len(value) <= int(declared.get("MaxLength", 4096)):
        return f"it must have {declared.get('MinLength', 0)} to {declared.get('MaxLength', 4096)} characters"
    return None


def _range_problem(name: str, value: str) -> str | None:
    """What a pattern cannot say of a range of addresses."""
    if not name.endswith("Cidr"):
        return None
    try:
        ipaddress.ip_network(value)
    except ValueError as error:
        return f"{error}; a range is like 10.20.0.0/16"
    return None


def _number_problem(declared: Mapping[str, Any], value: str) -> str | None:
    try:
        number = float(value)
    except ValueError:
        return "it must be a number"
    low, high = declared.get("MinValue"), declared.get("MaxValue")
    if (low is not None and number < float(low)) or (high is not None and number > float(high)):
        return f"it must be a number from {low} to {high}"
    return None
