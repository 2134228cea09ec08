"""Lambda, its callers and its failures: schedules, rules, retries, the queue for what failed; rotation of secrets."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.integration.emulator.conftest import Emulator, emulate
from tests.integration.emulator.running import run
from tests.integration.emulator.task_templates import container, template

pytestmark = pytest.mark.docker

Make = Callable[..., str]

# Writes what it was asked into the log, asks the emulator something, fails when told to.
FUNCTION = """
import boto3, json, os
def handler(event, context):
    queues = boto3.client("sqs").list_queues().get("QueueUrls", [])
    print(json.dumps({"event": event, "setting": os.environ["SETTING"], "queues": len(queues) > 0}))
    if event.get("fail"):
        raise RuntimeError("as told")
    return {"saw": event}
"""


def trust(service: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": f"{service}.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
            }
        ],
    }


def role(service: str, *allowed: tuple[str, Any]) -> dict[str, Any]:
    statements = [{"Effect": "Allow", "Action": action, "Resource": resource} for action, resource in allowed]
    policy = {"PolicyName": "may", "PolicyDocument": {"Version": "2012-10-17", "Statement": statements}}
    properties: dict[str, Any] = {"AssumeRolePolicyDocument": trust(service)}
    return {"Type": "AWS::IAM::Role", "Properties": properties | ({"Policies": [policy]} if allowed else {})}


def get(name: str, attribute: str = "Arn") -> dict[str, Any]:
    return {"Fn::GetAtt": [name, attribute]}


def resources(bucket: str) -> dict[str, Any]:
    """A function from a bucket, with a log group and a queue of its own."""
    return {
        "Log": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}},
        "Failures": {"Type": "AWS::SQS::Queue"},
        "FunctionRole": role("lambda"),
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": "python3.13",
                "Handler": "it.handler",
                "Role": get("FunctionRole"),
                "Timeout": 20,
                "Code": {"S3Bucket": bucket, "S3Key": "it.zip"},
                "Environment": {"Variables": {"SETTING": "given"}},
                "LoggingConfig": {"LogGroup": {"Ref": "Log"}},
            },
        },
        "Retries": {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {
                "FunctionName": {"Ref": "Function"},
                "Qualifier": "$LATEST",
                "MaximumRetryAttempts": 1,
                "DestinationConfig": {"OnFailure": {"Destination": get("Failures")}},
            },
        },
    }


def schedule(payload: str) -> dict[str, Any]:
    return {
        "Type": "AWS::Scheduler::Schedule",
        "Properties": {
            "ScheduleExpression": "cron(0 6 * * ? *)",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": get("Function"),
                "RoleArn": get("ScheduleRole"),
                "Input": payload,
                "DeadLetterConfig": {"Arn": get("Failures")},
            },
        },
    }


OUTPUTS = {
    "Log": {"Value": {"Ref": "Log"}},
    "Queue": {"Value": {"Ref": "Failures"}},
    "Function": {"Value": {"Ref": "Function"}},
}


@pytest.fixture(scope="module")
def code(emulator: Emulator) -> str:
    """A bucket with the function's package."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("it.py", FUNCTION)
    s3 = emulator.client("s3")
    s3.create_bucket(Bucket="functions-of-tests")
    s3.put_object(Bucket="functions-of-tests", Key="it.zip", Body=buffer.getvalue())
    return "functions-of-tests"


def calls(emulator: Emulator, stack: str) -> list[dict[str, Any]]:
    """What the function of a stack wrote of each call."""
    group = emulator.outputs(stack)["Log"]
    events = emulator.client("logs").filter_log_events(logGroupName=group)["events"]
    return [json.loads(event["message"]) for event in events if event["message"].startswith('{"event"')]


def messages(emulator: Emulator, stack: str) -> list[dict[str, Any]]:
    """The messages in the queue of a stack."""
    answer = emulator.client("sqs").receive_message(
        QueueUrl=emulator.outputs(stack)["Queue"],
        MaxNumberOfMessages=10,
        VisibilityTimeout=0,
        MessageAttributeNames=["All"],
    )
    found: list[dict[str, Any]] = answer.get("Messages", [])
    return found


def test_a_schedule_calls_its_function_with_its_input(emulator: Emulator, stack_of: Make, code: str) -> None:
    may = role("scheduler", ("lambda:InvokeFunction", get("Function")), ("sqs:SendMessage", get("Failures")))
    payload = '{"trigger": "schedule", "execution": "<aws.scheduler.execution-id>"}'
    stack = stack_of(
        {
            "Resources": {**resources(code), "ScheduleRole": may, "Daily": schedule(payload)},
            "Outputs": {**OUTPUTS, "Schedule": {"Value": {"Ref": "Daily"}}},
        },
        status="CREATE_COMPLETE",
    )
    name = emulator.outputs(stack)["Schedule"]
    fired = emulate("fire", name, "--folder", emulator.folder)
    assert fired.returncode == 0, fired.stderr
    wait_until(lambda: len(calls(emulator, stack)) == 1, "the function was called", 90)
    (call,) = calls(emulator, stack)
    execution = call["event"].pop("execution")
    assert execution in fired.stdout
    assert len(execution) == 36
    assert call == {"event": {"trigger": "schedule"}, "setting": "given", "queues": True}


def test_a_function_that_fails_is_tried_again_and_then_handed_on(emulator: Emulator, stack_of: Make, code: str) -> None:
    may = role("scheduler", ("lambda:InvokeFunction", get("Function")))
    stack = stack_of(
        {
            "Resources": {**resources(code), "ScheduleRole": may, "Daily": schedule('{"fail": true}')},
            "Outputs": {**OUTPUTS, "Schedule": {"Value": {"Ref": "Daily"}}},
        },
        status="CREATE_COMPLETE",
    )
    assert emulate("fire", emulator.outputs(stack)["Schedule"], "--folder", emulator.folder).returncode == 0
    wait_until(lambda: bool(messages(emulator, stack)), "the failure is in the queue", 60)
    assert len(calls(emulator, stack)) == 2
    (message,) = messages(emulator, stack)
    body = json.loads(message["Body"])
    assert body["requestPayload"] == {"fail": True}
    assert body["responsePayload"]["errorMessage"] == "as told"


@pytest.mark.parametrize(
    ("may", "reason"),
    [
        (role("scheduler", ("sqs:SendMessage", get("Failures"))), "may not lambda:InvokeFunction"),
        (role("ecs", ("lambda:InvokeFunction", get("Function"))), "does not trust scheduler.amazonaws.com"),
    ],
    ids=["may-not-call", "is-another-services"],
)
def test_a_schedule_whose_role_may_not_calls_nothing_and_says_so(
    emulator: Emulator, stack_of: Make, code: str, may: dict[str, Any], reason: str
) -> None:
    stack = stack_of(
        {
            "Resources": {**resources(code), "ScheduleRole": may, "Daily": schedule("{}")},
            "Outputs": {**OUTPUTS, "Schedule": {"Value": {"Ref": "Daily"}}},
        },
        status="CREATE_COMPLETE",
    )
    fired = emulate("fire", emulator.outputs(stack)["Schedule"], "--folder", emulator.folder)
    assert fired.returncode == 1
    assert reason in fired.stderr
    assert calls(emulator, stack) == []
    dead = messages(emulator, stack)
    if "may not" in reason:
        assert reason in dead[0]["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
    else:
        assert dead == []


def test_a_schedule_that_is_not_there_is_named(emulator: Emulator) -> None:
    fired = emulate("fire", "nobody", "--folder", emulator.folder)
    assert fired.returncode == 1
    assert fired.stderr.startswith("There is no schedule default/nobody.")


@pytest.mark.parametrize("allowed", [True, False], ids=["allowed", "not-allowed"])
def test_a_task_that_ends_is_an_event_that_calls_who_may_be_called(
    emulator: Emulator, stack_of: Make, code: str, allowed: bool
) -> None:
    rule = {
        "Type": "AWS::Events::Rule",
        "Properties": {
            "EventPattern": {
                "source": ["aws.ecs"],
                "detail-type": ["ECS Task State Change"],
                "detail": {
                    "group": [{"Fn::Sub": "family:${AWS::StackName}"}],
                    "lastStatus": ["STOPPED"],
                    "$or": [
                        {"containers": {"name": ["program"], "exitCode": [{"anything-but": [0]}]}},
                        {"stopCode": ["TaskFailedToStart"]},
                    ],
                },
            },
            "Targets": [{"Id": "it", "Arn": get("Function"), "Input": '{"trigger": "rule"}'}],
        },
    }
    permission = {
        "Type": "AWS::Lambda::Permission",
        "Properties": {
            "FunctionName": {"Ref": "Function"},
            "Action": "lambda:InvokeFunction",
            "Principal": "events.amazonaws.com",
            "SourceArn": get("Rule"),
        },
    }
    made = template(container("raise SystemExit(0)"), **resources(code), Rule=rule)
    made["Outputs"] |= OUTPUTS
    if allowed:
        made["Resources"]["Permission"] = permission
    stack = stack_of(made, status="CREATE_COMPLETE")
    run(emulator, stack)
    command = ["python", "-c", "raise SystemExit(4)"]
    run(emulator, stack, overrides={"containerOverrides": [{"name": "program", "command": command}]})
    if allowed:
        wait_until(lambda: bool(calls(emulator, stack)), "the function was called", 90)
    time.sleep(1)  # long enough for a second, wrong call
    assert [call["event"] for call in calls(emulator, stack)] == [{"trigger": "rule"}] * allowed
