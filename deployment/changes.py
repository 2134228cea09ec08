"""What an update would change: a change set in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from deployment.templates import kept


@dataclass(frozen=True)
class Change:
    """One resource that is added, modified, replaced or removed."""

    action: str
    """add, modify, may replace, replace or remove."""
    name: str
    type: str
    causes: tuple[str, ...] = ()
    """The properties that make it necessary."""
    holds_data: bool = False

    def __str__(self) -> str:
        why = f": {', '.join(self.causes)}" if self.causes else ""
        return (
            f"{self.action:<11} {self.name} ({short(self.type)}){why}{', WHICH HOLDS DATA' if self.loses_data else ''}"
        )

    @property
    def loses_data(self) -> bool:
        """Whether the data would no longer be where the programs look for them."""
        return self.holds_data and self.action in ("replace", "remove")


def short(resource_type: str) -> str:
    """`AWS::RDS::DBInstance` as it is spoken of: RDS DBInstance."""
    return resource_type.removeprefix("AWS::").replace("::", " ")


def of_new_stack(resources: Mapping[str, str]) -> list[Change]:
    """Every resource of a template whose stack does not exist yet. Conditions may leave out some of them."""
    return [Change("add", name, kind) for name, kind in resources.items()]


def of_change_set(entries: Iterable[Mapping[str, Any]], template_before: str) -> list[Change]:
    """The entries of `describe_change_set`, with what is said of data by the template that the stack has now."""
    data = kept(template_before)
    changes = []
    for entry in (entry["ResourceChange"] for entry in entries if "ResourceChange" in entry):
        targets = (detail.get("Target", {}) for detail in entry.get("Details", []))
        causes = {str(target.get("Name") or target.get("Attribute")) for target in targets if target}
        changes.append(
            Change(
                action=_action(entry),
                name=entry["LogicalResourceId"],
                type=entry["ResourceType"],
                causes=tuple(sorted(causes)),
                holds_data=entry["LogicalResourceId"] in data,
            )
        )
    return changes


def _action(entry: Mapping[str, Any]) -> str:
    if entry["Action"] != "Modify":
        return str(entry["Action"]).lower()
    replacement = {"True": "replace", "Conditional": "may replace"}.get(entry.get("Replacement", "False"), "modify")
    # A value that is known only when another resource has been changed: if it differs, the resource is made anew.
    always = any(detail.get("Target", {}).get("RequiresRecreation") == "Always" for detail in entry.get("Details", []))
    return "replace" if replacement == "may replace" and always else replacement
