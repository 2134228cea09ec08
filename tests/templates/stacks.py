"""The templates as Python objects, and the ways through them that the rules share."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from cfnlint.decode import cfn_yaml
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

FOLDER = Path(__file__).parent.parent.parent / "cloudformation"
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
REGION = "us-east-1"

Template = dict[str, Any]
Stacks = dict[str, Template]


def text(name: str) -> str:
    return (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")


def load_all() -> Stacks:
    """All templates by name, freshly parsed, with the functions in their long form (Fn::Sub, Fn::GetAtt)."""
    return {name: copy.deepcopy(_parsed(name)) for name in NAMES}


@functools.cache
def _parsed(name: str) -> Template:
    template: Template = _plain(cfn_yaml.load(str(FOLDER / f"{name}.yaml")))
    return template


def load_wiring() -> dict[str, Any]:
    return yaml.safe_load((FOLDER / "wiring.yml").read_text(encoding="utf-8"))


def _plain(node: Any) -> Any:
    """Dictionaries and lists of Python's own, which a test may change."""
    if isinstance(node, dict):
        return {str(key): _plain(value) for key, value in node.items()}
    return [_plain(value) for value in node] if isinstance(node, list) else node


def resources(stacks: Stacks, *types: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each resource of the types (of all when none is named), as `stack.LogicalName` and its definition."""
    for stack, template in stacks.items():
        for name, resource in template["Resources"].items():
            if not types or resource["Type"] in types:
                yield f"{stack}.{name}", resource


def walk(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every node below, itself included, with its path."""
    yield path, node
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in children:
        yield from walk(value, f"{path}/{key}")


def choices(node: Any) -> Iterator[Any]:
    """What a value can be: each branch of its conditions."""
    if isinstance(node, dict) and set(node) == {"Fn::If"}:
        for branch in node["Fn::If"][1:]:
            yield from choices(branch)
    elif node != {"Ref": "AWS::NoValue"}:
        yield node


def items(node: Any) -> Iterator[Any]:
    """What a list, or a single value in its place, can hold."""
    for entry in node if isinstance(node, list) else [node]:
        yield from choices(entry)


def statements(stacks: Stacks) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each statement of the policies of roles."""
    for name, role in resources(stacks, "AWS::IAM::Role"):
        for policy in role["Properties"].get("Policies", []):
            for statement in policy["PolicyDocument"]["Statement"]:
                for chosen in choices(statement):
                    yield f"{name} {policy['PolicyName']}", chosen


def schema_properties(resource_type: str) -> set[str]:
    """The properties that CloudFormation's own schema has for a type."""
    return set(PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, resource_type).schema["properties"])


def containers(stacks: Stacks) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each container of the task definitions."""
    for name, task in resources(stacks, "AWS::ECS::TaskDefinition"):
        for entry in task["Properties"]["ContainerDefinitions"]:
            for container in choices(entry):
                yield f"{name} {container['Name']}", container


def environment(container: dict[str, Any]) -> dict[str, Any]:
    """The environment variables of a container, those under a condition included."""
    return {entry["Name"]: entry["Value"] for entry in items(container.get("Environment", []))}
