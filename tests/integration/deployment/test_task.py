"""One-off tasks of ECS, as containers of an emulated AWS: how they end, and what is said of it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from deployment import task
from deployment.task import Request, TaskError
from tests.integration.emulator.conftest import REGION, Emulator

pytestmark = pytest.mark.docker

GROUP = "/deployment-tests"


@pytest.fixture
def cluster(emulator: Emulator) -> str:
    name = f"tasks-{uuid.uuid4().hex[:8]}"
    emulator.client("ecs").create_cluster(clusterName=name)
    logs = emulator.client("logs")
    if not logs.describe_log_groups(logGroupNamePrefix=GROUP)["logGroups"]:
        logs.create_log_group(logGroupName=GROUP)
    return name


def request(emulator: Emulator, cluster: str, program: str, image: str = "python:3.13-slim-trixie") -> Request:
    definition = emulator.client("ecs").register_task_definition(
        family=f"family-{uuid.uuid4().hex[:8]}",
        containerDefinitions=[
            {
                "name": "main",
                "image": image,
                "entryPoint": ["python", "-c"],
                "command": [program],
                "essential": True,
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {"awslogs-group": GROUP, "awslogs-region": REGION, "awslogs-stream-prefix": "main"},
                },
            }
        ],
    )["taskDefinition"]["taskDefinitionArn"]
    return Request(cluster, definition, ["subnet-1"], ["sg-1"])


def test_a_task_that_does_what_it_should(emulator: Emulator, cluster: str) -> None:
    said: list[str] = []
    ended = task.run(emulator.place, request(emulator, cluster, "print('nothing to do')"), said.append, 60)
    assert ended.succeeded
    assert ended.log == ["nothing to do"]
    assert said[-1] == f"the task {task.short_id(ended.task)} has ended"


def test_a_task_that_fails_is_told_with_its_code_and_its_last_lines(emulator: Emulator, cluster: str) -> None:
    program = "import sys\nfor n in range(30): print('line', n)\nsys.exit(3)"
    ended = task.run(emulator.place, request(emulator, cluster, program), list[str]().append, 60)
    assert not ended.succeeded
    assert "ended with exit code 3" in str(ended)
    assert f"The end of its log ({GROUP}, main/main/{task.short_id(ended.task)})" in str(ended)
    assert ended.log == [f"line {number}" for number in range(10, 30)]


def test_a_task_without_an_image_is_told_with_the_reason(emulator: Emulator, cluster: str) -> None:
    without = request(emulator, cluster, "", image="localhost:1/no-such-image:none")
    ended = task.run(emulator.place, without, list[str]().append, 60)
    assert ended.exit_code is None
    assert "ended without having run" in str(ended)
    assert "no-such-image" in ended.reason


def test_a_task_that_goes_on_for_too_long_is_stopped(emulator: Emulator, cluster: str) -> None:
    long = request(emulator, cluster, "import time\nprint('begun', flush=True)\ntime.sleep(600)")
    arn = task.start(emulator.place, long)
    with pytest.raises(TaskError, match=r"was not done after 4 s, and was stopped"):
        task.follow(emulator.place, cluster, arn, list[str]().append, 4)
    described: dict[str, Any] = emulator.client("ecs").describe_tasks(cluster=cluster, tasks=[arn])["tasks"][0]
    assert described["desiredStatus"] == "STOPPED" or described["lastStatus"] == "STOPPED"


def test_a_task_that_ecs_does_not_know(emulator: Emulator, cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "_SETTLING_S", 0.0)
    with pytest.raises(TaskError, match="does not know the task"):
        task.follow(emulator.place, cluster, "0" * 32, list[str]().append, 60)
