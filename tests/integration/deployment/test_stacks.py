"""Stacks in their order: made, left alone, changed, refused, taken back, deleted; on the emulated AWS."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest

from deployment import account, stack, stacks
from deployment.stack import StackError
from deployment.stacks import Deployment
from deployment.templates import Kit
from tests.conftest import PROJECT
from tests.integration.deployment.conftest import Emulator

WIRING = """
base: {after: [], takes: {}, given: [Environment], gives: []}
other: {after: [], takes: {}, given: [Environment], gives: []}
top: {after: [base], takes: {Bucket: base.Bucket}, given: [Environment], gives: []}
"""
BASE = """
Parameters:
  Environment: {Type: String}
  Name: {Type: String, Default: ""}
  Old: {Type: String, Default: "30"}
Conditions: {Named: !Not [!Equals [!Ref Name, ""]]}
Resources:
  Data:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties: {BucketName: !If [Named, !Ref Name, !Ref AWS::NoValue]}
  Logs: {Type: AWS::Logs::LogGroup, Properties: {RetentionInDays: !Ref Old}}
Outputs:
  Bucket: {Value: !Ref Data}
"""
OTHER = """
Parameters: {Environment: {Type: String}}
Resources:
  Topic: {Type: AWS::SNS::Topic}
"""
TOP = """
Parameters: {Environment: {Type: String}, Bucket: {Type: String}, Cidr: {Type: String, Default: 10.9.0.0/16}}
Resources:
  Network: {Type: AWS::EC2::VPC, Properties: {CidrBlock: !Ref Cidr}}
  Parameter: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Ref Bucket}}
Outputs:
  Value: {Value: !GetAtt Parameter.Value}
"""
ALL = ["base", "other", "top"]

pytestmark = pytest.mark.docker


@pytest.fixture
def these(emulator: Emulator, tmp_path: Path, request: pytest.FixtureRequest) -> Deployment:
    """Three small stacks, of which the last needs the first."""
    for name, text in (("wiring.yml", WIRING), ("base.yaml", BASE), ("other.yaml", OTHER), ("top.yaml", TOP)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    prefix = f"t{abs(hash(request.node.name)) % 10**8}"
    return Deployment(emulator.place, Kit.load(tmp_path), prefix, "tests", chosen={}, given={})


def choosing(these: Deployment, **chosen: Mapping[str, object]) -> Deployment:
    return dataclasses.replace(these, chosen=chosen)


def test_stacks_are_made_and_hand_their_outputs_on(these: Deployment) -> None:
    said: list[str] = []
    made = stacks.deploy(these, ALL, said.append)
    assert made["top"].outputs["Value"] == made["base"].outputs["Bucket"]
    assert {line.split()[0] for line in said} == set(ALL)
    assert any("created  Network (EC2 VPC)" in line for line in said)

    said.clear()
    again = stacks.deploy(these, ALL, said.append)
    assert [outcome.changes for outcome in again.values()] == [[], [], []]
    assert again["top"].outputs == made["top"].outputs
    assert said == []


def test_only_what_differs_is_changed(these: Deployment) -> None:
    stacks.deploy(these, ALL, lambda _: None)
    said: list[str] = []
    changed = stacks.deploy(choosing(these, base={"Old": 60}), ALL, said.append)
    assert [change.name for change in changed["base"].changes] == ["Logs"]
    assert changed["other"].changes == changed["top"].changes == []
    assert any("modify      Logs (Logs LogGroup): RetentionInDays" in line for line in said)


def test_data_are_not_lost_by_a_deployment(these: Deployment) -> None:
    before = stacks.deploy(these, ["base"], lambda _: None)["base"].outputs
    other_name = choosing(these, base={"Name": f"{these.prefix}-other"})
    with pytest.raises(StackError, match="this would take away data of the stack") as refused:
        stacks.deploy(other_name, ["base"], lambda _: None)
    assert "replace     Data (S3 Bucket): BucketName, WHICH HOLDS DATA" in str(refused.value)
    assert stacks.outputs(these, ["base"])["base"] == before
    # The change set is gone, too: nothing waits to be executed by accident.
    change_sets = these.client("base").list_change_sets(StackName=these.name("base"))["Summaries"]
    assert [each for each in change_sets if each["ExecutionStatus"] == "AVAILABLE"] == []

    meant = dataclasses.replace(other_name, may_lose=frozenset({"Data"}))
    assert stacks.deploy(meant, ["base"], lambda _: None)["base"].outputs["Bucket"] == f"{these.prefix}-other"


def test_a_creation_that_fails_is_explained_and_made_good_for(these: Deployment) -> None:
    wrong = choosing(these, top={"Cidr": "10.9.0.0/8"})
    with pytest.raises(StackError, match=r"failed at Network \(EC2 VPC\): .*10\.9\.0\.0/8") as failed:
        stacks.deploy(wrong, ALL, lambda _: None)
    assert "-e remove_failed_stacks=true" in str(failed.value)
    # The others were made; the one that failed is left in a state that nothing can be made of.
    assert set(stacks.outputs(these, ["base", "other"])) == {"base", "other"}
    with pytest.raises(
        StackError, match="is ROLLBACK_COMPLETE: making or deleting it failed before, because of Network"
    ):
        stacks.deploy(these, ALL, lambda _: None)
    assert any(these.name("top") in line for line in account.look(_of_project(these)).stuck_stacks)

    stacks.remove_failed(these, ALL, lambda _: None)
    assert stacks.deploy(these, ALL, lambda _: None)["top"].changes


def test_an_update_that_fails_leaves_what_was(these: Deployment) -> None:
    stacks.deploy(these, ALL, lambda _: None)
    with pytest.raises(StackError, match="It was taken back: what ran before runs on"):
        stacks.deploy(choosing(these, top={"Cidr": "10.9.0.0/8"}), ALL, lambda _: None)
    assert stack.parameters(these.client("top"), these.name("top"))["Cidr"] == "10.9.0.0/16"
    assert stacks.deploy(these, ALL, lambda _: None)["top"].outputs["Value"]


def test_a_parameter_that_nobody_gives_is_named(these: Deployment) -> None:
    with pytest.raises(StackError, match="top lacks Bucket: see cloudformation"):
        stacks.deploy(these, ["top"], lambda _: None)


def test_a_plan_changes_nothing(these: Deployment) -> None:
    new = stacks.plan(these, ALL)
    found = {name: (plan.made, len(plan.changes)) for name, plan in new.items()}
    assert found == {"base": (False, 2), "other": (False, 1), "top": (False, 2)}
    assert stacks.outputs(these, ALL) == {}
    stacks.deploy(these, ALL, lambda _: None)
    changed = stacks.plan(choosing(these, base={"Old": 60}), ALL)
    assert [str(change) for change in changed["base"].changes] == ["modify      Logs (Logs LogGroup): RetentionInDays"]
    assert stacks.deploy(these, ALL, lambda _: None)["base"].changes == []


def test_deleting_goes_backwards_and_keeps_the_data(these: Deployment, emulator: Emulator) -> None:
    bucket = stacks.deploy(these, ALL, lambda _: None)["base"].outputs["Bucket"]
    said: list[str] = []
    deleted = stacks.delete(these, ALL, said.append)
    assert deleted.index("top") < deleted.index("base")
    assert stacks.outputs(these, ALL) == {}
    assert any("kept, as its policy says Data" in line for line in said)
    assert bucket in [found["Name"] for found in emulator.client("s3").list_buckets()["Buckets"]]
    assert stacks.delete(these, ALL, said.append) == []


def test_an_account_is_looked_at_beforehand(these: Deployment, emulator: Emulator) -> None:
    # Addresses that no other test of this emulator has.
    whole = dataclasses.replace(_of_project(these), chosen={"network": {"VpcCidr": "10.76.0.0/16"}})
    found = account.look(whole)
    assert (found.zones_wanted, found.overlapping_vpcs, found.unknown_classes) == (2, [], [])
    assert found.cloudfront_prefix_list.startswith("pl-")
    emulator.client("ec2").create_vpc(CidrBlock="10.77.0.0/16")
    taken = dataclasses.replace(
        whole, chosen={"network": {"VpcCidr": "10.77.0.0/16"}, "database": {"InstanceClass": "db.t9.huge"}}
    )
    found = account.look(taken)
    assert "10.77.0.0/16" in found.overlapping_vpcs[0]
    assert found.unknown_classes == ["db.t9.huge"]


def _of_project(these: Deployment) -> Deployment:
    """The project's own templates under the same names."""
    kit = Kit.load(PROJECT / "cloudformation")
    wiring = {**kit.wiring, **these.kit.wiring}
    return dataclasses.replace(these, kit=Kit({**kit.templates, **these.kit.templates}, wiring))
