"""The emulator's table of what is replaced says what the schemas of CloudFormation say."""

from __future__ import annotations

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from emulator.replacement import REPLACING
from tests.templates.stacks import REGION, load_all


def used() -> dict[str, set[str]]:
    """The properties that the templates give to each type."""
    found: dict[str, set[str]] = {}
    for template in load_all().values():
        for resource in template["Resources"].values():
            found.setdefault(resource["Type"], set()).update(resource.get("Properties", {}))
    return found


@pytest.mark.parametrize("kind", sorted(REPLACING))
def test_a_property_that_replaces_its_resource_is_known(kind: str) -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(REGION, kind).schema
    create_only = {path.split("/")[2] for path in schema.get("createOnlyProperties", [])}
    assert create_only & used()[kind] <= set(REPLACING[kind]) <= create_only
