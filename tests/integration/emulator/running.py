"""Running tasks on the emulated ECS, and what is left to see of them."""

from __future__ import annotations

from typing import Any

from tests.conftest import wait_until
from tests.integration.emulator.conftest import Emulator

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}}


def start(emulator: Emulator, stack: str, **options: Any) -> str:
    """Start the task of a stack and give its ARN."""
    outputs = emulator.outputs(stack)
    if "capacityProviderStrategy" not in options:
        options["launchType"] = "FARGATE"
    answer = emulator.client("ecs").run_task(
        cluster=outputs["Cluster"], taskDefinition=outputs["Task"], networkConfiguration=NETWORK, **options
    )
    assert not answer["failures"], answer
    arn: str = answer["tasks"][0]["taskArn"]
    return arn


def described(emulator: Emulator, arn: str) -> dict[str, Any]:
    """A task as it is now."""
    cluster = arn.split("/")[1]
    task: dict[str, Any] = emulator.client("ecs").describe_tasks(cluster=cluster, tasks=[arn])["tasks"][0]
    return task


def until(emulator: Emulator, arn: str, status: str) -> dict[str, Any]:
    """A task once it has a status."""
    wait_until(lambda: described(emulator, arn)["lastStatus"] == status, f"the task is {status}", 60)
    return described(emulator, arn)


def run(emulator: Emulator, stack: str, **options: Any) -> dict[str, Any]:
    """Run the task of a stack to its end."""
    return until(emulator, start(emulator, stack, **options), "STOPPED")


def printed(emulator: Emulator, stack: str, task: dict[str, Any] | str, name: str = "program") -> list[str]:
    """What a container of a task printed, line by line, from its own log stream."""
    arn = task if isinstance(task, str) else task["taskArn"]
    stream = f"run/{name}/{arn.rsplit('/', 1)[-1]}"
    pages = emulator.client("logs").get_paginator("filter_log_events").paginate(
        logGroupName=emulator.outputs(stack)["Group"], logStreamNames=[stream]
    )  # fmt: skip
    return [event["message"] for page in pages for event in page["events"]]
