"""CloudFormation: what is refused, what is taken back, what a change set sees."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import wait_until
from tests.integration.emulator.conftest import Emulator

pytestmark = pytest.mark.docker

Make = Callable[..., str]


def vpc(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.7.0.0/16", **properties}}


def subnet(cidr: Any) -> dict[str, Any]:
    return {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": cidr}}


def topic(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SNS::Topic", "Properties": properties}


FAILS = {
    "Type": "AWS::RDS::DBInstance",
    "DependsOn": "First",
    "DeletionPolicy": "Delete",
    "Properties": {
        "Engine": "postgres",
        "EngineVersion": "17",
        "DBInstanceClass": "db.t4g.enormous",
        "AllocatedStorage": "20",
        "MasterUsername": "someone",
        "MasterUserPassword": "something",
    },
}


def test_a_creation_that_fails_is_taken_back_and_says_where_and_why(emulator: Emulator, stack_of: Make) -> None:
    stack = stack_of({"Resources": {"First": topic(), "Database": FAILS}}, status="ROLLBACK_COMPLETE")
    events = [(name, status) for name, status, _ in emulator.events(stack)]
    assert events == [
        (stack, "CREATE_IN_PROGRESS"),
        ("First", "CREATE_IN_PROGRESS"),
        ("First", "CREATE_COMPLETE"),
        ("Database", "CREATE_IN_PROGRESS"),
        ("Database", "CREATE_FAILED"),
        (stack, "ROLLBACK_IN_PROGRESS"),
        ("First", "DELETE_IN_PROGRESS"),
        ("First", "DELETE_COMPLETE"),
        (stack, "ROLLBACK_COMPLETE"),
    ]
    reason = next(why for name, status, why in emulator.events(stack) if status == "CREATE_FAILED")
    assert "Invalid DB Instance class: db.t4g.enormous" in reason
    servers = emulator.client("rds").describe_db_instances()["DBInstances"]
    assert [each for each in servers if each["DBInstanceIdentifier"].startswith(stack)] == []


def test_an_update_that_fails_is_taken_back_and_leaves_what_was(emulator: Emulator, stack_of: Make) -> None:
    stack = stack_of({"Resources": {"First": topic(DisplayName="before")}}, status="CREATE_COMPLETE")
    (arn,) = [each["TopicArn"] for each in emulator.client("sns").list_topics()["Topics"] if stack in each["TopicArn"]]
    changed = {"Resources": {"First": topic(DisplayName="after"), "Added": topic(), "Database": FAILS}}
    stack_of(changed, status="UPDATE_ROLLBACK_COMPLETE")
    assert ("Database", "CREATE_FAILED") in [(name, status) for name, status, _ in emulator.events(stack)]
    assert emulator.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "before"
    left = emulator.client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    assert [each["LogicalResourceId"] for each in left] == ["First"]
    body = emulator.client("cloudformation").get_template(StackName=stack)["TemplateBody"]
    assert "before" in json.dumps(body)


CONDITIONAL = {
    "Parameters": {"Wanted": {"Type": "String", "AllowedValues": ["yes", "no"]}},
    "Conditions": {"IsWanted": {"Fn::Equals": [{"Ref": "Wanted"}, "yes"]}},
    "Resources": {
        "Always": topic(DisplayName={"Fn::If": ["IsWanted", "with", {"Ref": "AWS::NoValue"}]}),
        "Sometimes": {**topic(), "Condition": "IsWanted"},
    },
    "Outputs": {"Name": {"Value": {"Fn::If": ["IsWanted", {"Ref": "Sometimes"}, "none"]}}},
}


def planned(emulator: Emulator, stack: str, template: dict[str, Any], **parameters: str) -> dict[str, Any]:
    """A change set of a stack that is there, worked out."""
    cloudformation = emulator.client("cloudformation")
    change_set = cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName=f"change-{uuid.uuid4()}",
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
    )["Id"]
    found: dict[str, Any] = {}

    def done() -> bool:
        found.update(cloudformation.describe_change_set(ChangeSetName=change_set))
        return found["Status"] in ("CREATE_COMPLETE", "FAILED")

    wait_until(done, "the change set is worked out")
    return found


def actions(change_set: dict[str, Any]) -> dict[str, str]:
    changes = [change["ResourceChange"] for change in change_set["Changes"]]
    return {change["LogicalResourceId"]: change["Action"] for change in changes}


def test_a_change_set_sees_what_a_condition_adds_and_takes_away(emulator: Emulator, stack_of: Make) -> None:
    stack = stack_of(CONDITIONAL, status="CREATE_COMPLETE", Wanted="no")
    assert emulator.outputs(stack) == {"Name": "none"}
    for wanted, action in (("yes", "Add"), ("no", "Remove")):
        change_set = planned(emulator, stack, CONDITIONAL, Wanted=wanted)
        assert actions(change_set) == {"Always": "Modify", "Sometimes": action}
        emulator.client("cloudformation").execute_change_set(ChangeSetName=change_set["ChangeSetId"])
        assert emulator.until_done(stack) == "UPDATE_COMPLETE"
        topics = emulator.client("sns").list_topics()["Topics"]
        assert len([each for each in topics if stack in each["TopicArn"]]) == (2 if wanted == "yes" else 1)
        assert (emulator.outputs(stack)["Name"] == "none") is (wanted == "no")


def test_a_change_set_without_changes_fails_and_says_so(emulator: Emulator, stack_of: Make) -> None:
    stack = stack_of(CONDITIONAL, status="CREATE_COMPLETE", Wanted="no")
    change_set = planned(emulator, stack, CONDITIONAL, Wanted="no")
    assert change_set["Status"] == "FAILED"
    assert "didn't contain changes" in change_set["StatusReason"]


def test_a_change_set_says_what_is_replaced(emulator: Emulator, stack_of: Make) -> None:
    template = {
        "Parameters": {"Cidr": {"Type": "String"}},
        "Resources": {"Vpc": vpc(CidrBlock={"Ref": "Cidr"})},
    }
    stack = stack_of(template, status="CREATE_COMPLETE", Cidr="10.7.0.0/16")
    (change,) = planned(emulator, stack, template, Cidr="10.8.0.0/16")["Changes"]
    assert change["ResourceChange"]["Replacement"] == "True"


@pytest.mark.parametrize(
    ("declared", "value", "problem"),
    [
        ({"Type": "String", "AllowedPattern": "^[a-z]+$"}, "Upper", "Size"),
        ({"Type": "String", "AllowedValues": ["small", "large"]}, "medium", "Size"),
        ({"Type": "Number", "MinValue": 1, "MaxValue": 3}, "4", "Size"),
        ({"Type": "String", "MaxLength": 3}, "long", "Size"),
        ({"Type": "Number"}, "many", "Size"),
        ({"Type": "String"}, None, "Size"),
    ],
    ids=["pattern", "values", "range", "length", "number", "missing"],
)
def test_a_parameter_that_is_not_allowed_is_named(
    emulator: Emulator, declared: dict[str, Any], value: str | None, problem: str
) -> None:
    template = {"Parameters": {"Size": declared}, "Resources": {"First": topic()}}
    given = [] if value is None else [{"ParameterKey": "Size", "ParameterValue": value}]
    with pytest.raises(ClientError) as caught:
        emulator.client("cloudformation").create_change_set(
            StackName="refused", ChangeSetName="x", ChangeSetType="CREATE", TemplateBody=json.dumps(template),
            Parameters=given,
        )  # fmt: skip
    assert caught.value.response["Error"]["Code"] == "ValidationError"
    assert problem in caught.value.response["Error"]["Message"]


def test_a_rule_that_is_broken_is_told_in_its_words(emulator: Emulator) -> None:
    template = {
        "Parameters": {"First": {"Type": "String"}, "Second": {"Type": "String"}},
        "Rules": {
            "NotBoth": {
                "RuleCondition": {"Fn::Not": [{"Fn::Equals": [{"Ref": "First"}, ""]}]},
                "Assertions": [
                    {"Assert": {"Fn::Equals": [{"Ref": "Second"}, ""]}, "AssertDescription": "give one, not both"}
                ],
            }
        },
        "Resources": {"Topic": topic()},
    }
    given = [{"ParameterKey": name, "ParameterValue": "x"} for name in ("First", "Second")]
    with pytest.raises(ClientError, match="give one, not both"):
        emulator.client("cloudformation").create_change_set(
            StackName="refused", ChangeSetName="x", ChangeSetType="CREATE", TemplateBody=json.dumps(template),
            Parameters=given,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("subnets", "reason"),
    [
        (["10.7.1.0/24", "10.7.1.128/25"], "conflicts with another subnet"),
        (["10.8.1.0/24"], "CIDR '10.8.1.0/24' is invalid"),
        (["10.7.1.0/33"], "10.7.1.0/33"),
        (["10.7.0.0/29"], "10.7.0.0/29"),
    ],
    ids=["overlaps", "outside", "malformed", "too-small"],
)
def test_a_subnet_that_cannot_be_fails_the_stack(
    emulator: Emulator, stack_of: Make, subnets: list[str], reason: str
) -> None:
    made = {f"Subnet{index}": subnet(cidr) for index, cidr in enumerate(subnets)}
    stack = stack_of({"Resources": {"Vpc": vpc(), **made}}, status="ROLLBACK_COMPLETE")
    failed = [why for _, status, why in emulator.events(stack) if status == "CREATE_FAILED"]
    assert reason in failed[0]


@pytest.mark.parametrize("cidr", ["10.7.0.0/8", "10.0.0.0", "300.0.0.0/16"])
def test_a_network_that_cannot_be_fails_the_stack(emulator: Emulator, stack_of: Make, cidr: str) -> None:
    stack = stack_of({"Resources": {"Vpc": vpc(CidrBlock=cidr)}}, status="ROLLBACK_COMPLETE")
    failed = [why for _, status, why in emulator.events(stack) if status == "CREATE_FAILED"]
    assert cidr in failed[0]


def test_an_alarm_may_calculate_with_metrics(emulator: Emulator, stack_of: Make) -> None:
    def metric(name: str) -> dict[str, Any]:
        return {"Metric": {"Namespace": "Try", "MetricName": name}, "Period": 60, "Stat": "Sum"}

    alarm = {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "EvaluationPeriods": 1,
            "Threshold": 5,
            "ComparisonOperator": "GreaterThanThreshold",
            "Metrics": [
                {"Id": "share", "Expression": "100 * bad / all", "ReturnData": True},
                {"Id": "bad", "MetricStat": metric("Bad"), "ReturnData": False},
                {"Id": "all", "MetricStat": metric("All"), "ReturnData": False},
            ],
        },
    }
    made = {"Resources": {"Alarm": alarm}, "Outputs": {"Alarm": {"Value": {"Ref": "Alarm"}}}}
    stack = stack_of(made, status="CREATE_COMPLETE")
    name = emulator.outputs(stack)["Alarm"]
    (found,) = emulator.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert [each["Id"] for each in found["Metrics"]] == ["share", "bad", "all"]


def test_a_type_that_nobody_knows_is_refused(emulator: Emulator) -> None:
    template = {"Resources": {"First": {"Type": "AWS::Nothing::Here"}}}
    with pytest.raises(ClientError, match="AWS::Nothing::Here"):
        emulator.client("cloudformation").create_stack(StackName="refused", TemplateBody=json.dumps(template))


def test_a_server_without_a_container_is_no_server(emulator: Emulator, stack_of: Make) -> None:
    properties = {**FAILS["Properties"], "DBInstanceClass": "db.t4g.micro", "EngineVersion": "97"}
    database = {"Type": "AWS::RDS::DBInstance", "DeletionPolicy": "Delete", "Properties": properties}
    stack = stack_of({"Resources": {"Database": database}}, status="ROLLBACK_COMPLETE")
    failed = [why for _, status, why in emulator.events(stack) if status == "CREATE_FAILED"]
    assert "The image postgres:97-trixie is not here and cannot be pulled" in failed[0]
    servers = emulator.client("rds").describe_db_instances()["DBInstances"]
    assert [each for each in servers if each["DBInstanceIdentifier"].startswith(stack)] == []
