"""The CloudFormation templates as they stand in the project, and how their stacks fit together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

KEPT = ("Retain", "RetainExceptOnCreate", "Snapshot")
"""The deletion policies of what holds data."""


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, such as `!Ref`, as plain values: what they give is not looked at here."""


def _short_form(loader: _Loader, _suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    assert isinstance(node, yaml.SequenceNode)
    return loader.construct_sequence(node, deep=True)


_Loader.add_multi_constructor("!", _short_form)


def parse(body: str) -> dict[str, Any]:
    """A template's text as dictionaries and lists, its functions left unresolved.

    Raises:
        yaml.YAMLError: The text is no YAML.
    """
    parsed: dict[str, Any] = yaml.load(body, Loader=_Loader)  # noqa: S506 - a subclass of the safe loader
    return parsed


@dataclass(frozen=True)
class Template:
    """One template: its text and what can be said of it without AWS."""

    name: str
    body: str

    @cached_property
    def parsed(self) -> dict[str, Any]:
        """The template as dictionaries and lists."""
        return parse(self.body)

    @property
    def parameters(self) -> dict[str, dict[str, Any]]:
        """The declared parameters by name."""
        declared: dict[str, dict[str, Any]] = self.parsed.get("Parameters", {})
        return declared

    @property
    def resources(self) -> dict[str, str]:
        """The types of the resources by their logical names, conditional ones included."""
        return {name: resource["Type"] for name, resource in self.parsed["Resources"].items()}


def kept(body: str) -> set[str]:
    """The logical names of the resources that a template keeps when they are deleted: those that hold data."""
    return {name for name, resource in parse(body)["Resources"].items() if resource.get("DeletionPolicy") in KEPT}


@dataclass(frozen=True)
class Wire:
    """How one stack stands among the others; the fields are those of `cloudformation/wiring.yml`."""

    after: tuple[str, ...]
    takes: Mapping[str, str]
    given: tuple[str, ...]
    region: str | None


@dataclass(frozen=True)
class Kit:
    """All templates and their wiring."""

    templates: Mapping[str, Template]
    wiring: Mapping[str, Wire]

    @classmethod
    def load(cls, folder: Path) -> Kit:
        """Read a folder with `wiring.yml` and a template for each stack that it names."""
        wiring = yaml.safe_load((folder / "wiring.yml").read_text(encoding="utf-8"))
        return cls(
            templates={name: Template(name, (folder / f"{name}.yaml").read_text(encoding="utf-8")) for name in wiring},
            wiring={
                name: Wire(tuple(wire["after"]), wire["takes"], tuple(wire["given"]), wire.get("region"))
                for name, wire in wiring.items()
            },
        )

    def order(self, names: Iterable[str]) -> TopologicalSorter[str]:
        """The stacks of these names as a graph: each is ready when those of them that it needs are done."""
        wanted = set(names)
        return TopologicalSorter({name: wanted.intersection(self.wiring[name].after) for name in sorted(wanted)})
