"""The parameters of an inventory, checked against the real templates before anything is asked of AWS."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from deployment.account import region_problem
from deployment.parameters import completed, problems, written
from deployment.templates import Kit

FOLDER = Path(__file__).parents[3] / "cloudformation"
KIT = Kit.load(FOLDER)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"netwrok": {}}, "stack_parameters.netwrok: there is no such stack; there are network, storage"),
        ({"network": {"NatMod": "one"}}, "network.yaml has no such parameter; is NatMode meant?"),
        ({"network": {"NatMode": "two"}}, "it must be one of none, instance, one, per-zone"),
        ({"network": {"VpcCidr": "10.0.0.0/8"}}, "a private IPv4 range with a prefix of /16 to /20"),
        ({"network": {"VpcCidr": "10.300.0.0/16"}}, "a range is like 10.20.0.0/16"),
        ({"network": {"VpcCidr": "10.20.1.0/16"}}, "10.20.1.0/16 has host bits set; a range is like 10.20.0.0/16"),
        ({"database": {"BackupDays": 99}}, "it must be a number from"),
        ({"database": {"BackupDays": "a week"}}, "it must be a number"),
        ({"database": {"VpcId": "vpc-1"}}, "it is not the inventory's to give, network.VpcId does"),
        ({"api": {"ApiImage": "mine"}}, "it is not the inventory's to give, the deployment itself does"),
    ],
)
def test_what_a_template_would_refuse_is_named_with_what_it_accepts(
    chosen: dict[str, dict[str, object]], said: str
) -> None:
    found = problems(KIT, chosen)
    assert len(found) == 1
    assert said in found[0]


def test_every_default_is_accepted() -> None:
    """The checks are CloudFormation's own: what the templates say themselves can be no problem."""
    defaults = {
        stack: {name: item["Default"] for name, item in template.parameters.items() if "Default" in item}
        for stack, template in KIT.templates.items()
    }
    own = {stack: set(wire.takes) | set(wire.given) for stack, wire in KIT.wiring.items()}
    chosen = {stack: {k: v for k, v in values.items() if k not in own[stack]} for stack, values in defaults.items()}
    assert problems(KIT, chosen) == []


def test_a_bare_yes_of_yaml_is_meant_as_yes() -> None:
    values = yaml.safe_load("{MultiZone: yes, ReadReplica: no, AllocatedStorage: 50}")
    assert problems(KIT, {"database": values}) == []
    assert {name: written(value) for name, value in values.items()} == {
        "MultiZone": "yes",
        "ReadReplica": "no",
        "AllocatedStorage": "50",
    }


def test_what_the_inventory_does_not_say_is_the_templates_default() -> None:
    complete = completed(KIT.templates["database"], {"MultiZone": False})
    assert complete["MultiZone"] == "no"
    assert complete["EngineVersion"] == str(KIT.templates["database"].parameters["EngineVersion"]["Default"])
    assert "VpcId" not in complete


def test_a_region_that_is_none_is_named_with_the_nearest() -> None:
    assert region_problem("eu-central-1") is None
    assert (
        region_problem("eu-centrall-1")
        == "aws.region is 'eu-centrall-1': there is no such region; is eu-central-1 meant?"
    )
