"""ECS tasks as containers: what their definition says is what they get, and how they end is what ECS says."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import wait_until
from tests.integration.emulator.conftest import REGION, Emulator
from tests.integration.emulator.running import described, printed, run, start, until
from tests.integration.emulator.task_templates import container, template

pytestmark = pytest.mark.docker

Make = Callable[..., str]

SURROUNDINGS = """
import json, os, pathlib, sys, urllib.request
def writable(folder):
    try:
        (pathlib.Path(folder) / "probe").write_text("x")
    except OSError as error:
        return type(error).__name__ + ":" + str(error.errno)
    return "yes"
health = urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_ministack/health", timeout=5).status
print(json.dumps({
    "arguments": sys.argv[1:], "user": os.getuid(), "folder": os.getcwd(), "secret": os.environ.get("PASSWORD"),
    "region": os.environ["AWS_REGION"], "key": bool(os.environ["AWS_ACCESS_KEY_ID"]), "endpoint": health,
    "setting": os.environ.get("SETTING"), "root": writable("/opt"), "scratch": writable("/scratch"),
    "first": pathlib.Path("/proc/1/comm").read_text().strip(), "scratch_holds": os.listdir("/scratch"),
}))
"""


def test_a_container_has_what_its_definition_says(emulator: Emulator, stack_of: Make) -> None:
    secret = {
        "Type": "AWS::SecretsManager::Secret",
        "Properties": {
            "GenerateSecretString": {"SecretStringTemplate": '{"username": "u"}', "GenerateStringKey": "password"}
        },
    }
    definition = container(
        "",
        EntryPoint=["python", "-c", SURROUNDINGS],
        Command=["one", "two"],
        User="0",
        WorkingDirectory="/var",
        ReadonlyRootFilesystem=True,
        MountPoints=[{"SourceVolume": "scratch", "ContainerPath": "/scratch", "ReadOnly": False}],
        LinuxParameters={"InitProcessEnabled": True},
        Environment=[{"Name": "SETTING", "Value": "given"}],
        Secrets=[{"Name": "PASSWORD", "ValueFrom": {"Fn::Sub": "${Secret}:password::"}}],
    )
    stack = stack_of(template(definition, Secret=secret), status="CREATE_COMPLETE")
    task = run(emulator, stack)
    assert [each["exitCode"] for each in task["containers"]] == [0]
    assert task["stoppedReason"] == "Essential container in task exited"
    assert task["stopCode"] == "EssentialContainerExited"
    (line,) = printed(emulator, stack, task)
    seen = json.loads(line)
    assert len(seen.pop("secret")) == 32
    assert seen == {
        "arguments": ["one", "two"], "user": 0, "folder": "/var", "region": REGION, "key": True, "endpoint": 200,
        "setting": "given", "root": "OSError:30", "scratch": "yes", "first": "docker-init", "scratch_holds": ["probe"],
    }  # fmt: skip


def test_a_folder_that_the_image_does_not_declare_is_roots_as_on_fargate(emulator: Emulator, stack_of: Make) -> None:
    definition = container(
        SURROUNDINGS, User="10001", MountPoints=[{"SourceVolume": "scratch", "ContainerPath": "/scratch"}]
    )
    stack = stack_of(template(definition), status="CREATE_COMPLETE")
    (line,) = printed(emulator, stack, run(emulator, stack))
    assert json.loads(line)["scratch"] == "PermissionError:13"


def test_a_folder_that_the_image_declares_keeps_its_rights(emulator: Emulator, stack_of: Make) -> None:
    image = f"windsock-emulator-test:{emulator.port}"
    dockerfile = "FROM python:3.13-slim-trixie\nRUN install -d -m 1777 /scratch\nVOLUME /scratch\n"
    subprocess.run(["docker", "build", "--quiet", "--tag", image, "-"], input=dockerfile, text=True, check=True)
    try:
        definition = container(
            SURROUNDINGS,
            Image=image,
            User="10001",
            MountPoints=[{"SourceVolume": "scratch", "ContainerPath": "/scratch"}],
        )
        stack = stack_of(template(definition), status="CREATE_COMPLETE")
        (line,) = printed(emulator, stack, run(emulator, stack))
    finally:
        subprocess.run(["docker", "image", "rm", image], check=True, capture_output=True)
    assert json.loads(line)["scratch"] == "yes"


def test_a_run_may_override_command_and_environment(emulator: Emulator, stack_of: Make) -> None:
    stack = stack_of(template(container("print('as defined')")), status="CREATE_COMPLETE")
    override = {
        "name": "program",
        "command": ["python", "-c", "import os; print(os.environ['WHY']); raise SystemExit(7)"],
        "environment": [{"name": "WHY", "value": "overridden"}],
    }
    task = run(emulator, stack, overrides={"containerOverrides": [override]})
    assert printed(emulator, stack, task) == ["overridden"]
    assert task["containers"][0]["exitCode"] == 7


def test_spot_is_the_capacity_provider_that_is_reported(emulator: Emulator, stack_of: Make) -> None:
    stack = stack_of(template(container("")), status="CREATE_COMPLETE")
    task = run(emulator, stack, capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}])
    assert task["capacityProviderName"] == "FARGATE_SPOT"


def test_all_that_a_task_printed_is_in_its_log_in_whole_lines(emulator: Emulator, stack_of: Make) -> None:
    program = "print('x' * 40_000)\nfor number in range(3000): print(number)\nprint('no end of line', end='')"
    stack = stack_of(template(container(program)), status="CREATE_COMPLETE")
    lines = printed(emulator, stack, run(emulator, stack))
    assert lines == ["x" * 40_000, *map(str, range(3000)), "no end of line"]


def test_metrics_in_a_log_are_metrics(emulator: Emulator, stack_of: Make) -> None:
    program = """
import json, time
print(json.dumps({"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [
    {"Namespace": "Try", "Dimensions": [["Place"]], "Metrics": [{"Name": "Rows", "Unit": "Count"}]}]},
    "Place": "here", "Rows": 12}))
"""
    stack = stack_of(template(container(program)), status="CREATE_COMPLETE")
    run(emulator, stack)
    found = emulator.client("cloudwatch").list_metrics(Namespace="Try")["Metrics"]
    assert [(each["MetricName"], each["Dimensions"]) for each in found] == [
        ("Rows", [{"Name": "Place", "Value": "here"}])
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param({"Image": "localhost:{port}/nobody/pushed:1"}, "CannotPullContainerError: ", id="never-pushed"),
        pytest.param({"Command": ["no-such-program"]}, "CannotStartContainerError: ", id="no-such-program"),
        pytest.param(
            {"Secrets": [{"Name": "A", "ValueFrom": "arn:aws:secretsmanager:us-east-1:123456789012:secret:none-abc"}]},
            "ResourceInitializationError: unable to pull secrets or registry auth",
            id="no-such-secret",
        ),
    ],
)
def test_what_cannot_be_started_is_stopped_and_says_why(
    emulator: Emulator, stack_of: Make, change: dict[str, Any], reason: str
) -> None:
    if "Image" in change:
        change = {"Image": change["Image"].format(port=emulator.port)}
    stack = stack_of(template(container("") | change), status="CREATE_COMPLETE")
    task = run(emulator, stack)
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith(reason)
    assert task["containers"][0]["reason"] == task["stoppedReason"]
    assert task["containers"][0].get("exitCode") is None


def test_a_task_that_wants_too_much_memory_is_killed_and_says_so(emulator: Emulator, stack_of: Make) -> None:
    stack = stack_of(template(container("held = bytearray(900_000_000)")), status="CREATE_COMPLETE")
    task = run(emulator, stack)
    assert task["containers"][0]["exitCode"] == 137
    assert task["containers"][0]["reason"].startswith("OutOfMemoryError")


STOPPABLE = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: {})
print("ready")
while True: time.sleep(0.1)
"""


@pytest.mark.parametrize(
    ("handler", "seconds", "code"),
    [("sys.exit(3)", 30, 3), ("None", 2, 137)],
    ids=["ends-when-asked", "is-killed-after-its-time"],
)
def test_a_stopped_task_has_the_exit_code_that_it_ended_with(
    emulator: Emulator, stack_of: Make, handler: str, seconds: int, code: int
) -> None:
    stack = stack_of(template(container(STOPPABLE.format(handler), StopTimeout=seconds)), status="CREATE_COMPLETE")
    arn = start(emulator, stack)
    wait_until(lambda: "ready" in printed(emulator, stack, arn), "the program has begun")
    emulator.client("ecs").stop_task(cluster=arn.split("/")[1], task=arn, reason="enough")
    task = until(emulator, arn, "STOPPED")
    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "enough")
    assert task["containers"][0]["exitCode"] == code


def test_a_health_check_is_looked_at(emulator: Emulator, stack_of: Make) -> None:
    check = {"Command": ["CMD", "python", "-c", "raise SystemExit(1)"], "Interval": 5, "Timeout": 2, "Retries": 1}
    stack = stack_of(template(container("import time; time.sleep(600)", HealthCheck=check)), status="CREATE_COMPLETE")
    arn = start(emulator, stack)
    wait_until(lambda: described(emulator, arn)["healthStatus"] == "UNHEALTHY", "the check has failed", 60)
    emulator.client("ecs").stop_task(cluster=arn.split("/")[1], task=arn)
    until(emulator, arn, "STOPPED")


def test_the_containers_of_a_task_share_their_address_and_folder_and_end_with_the_essential_one(
    emulator: Emulator, stack_of: Make
) -> None:
    mount = [{"SourceVolume": "scratch", "ContainerPath": "/scratch"}]
    listens = """
import http.server, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
open("/scratch/ready", "w").write("from the sidecar")
http.server.test(http.server.SimpleHTTPRequestHandler, port=4318)
"""
    asks = """
import pathlib, time, urllib.request
for _ in range(100):
    try: print(urllib.request.urlopen("http://127.0.0.1:4318/", timeout=1).status); break
    except OSError: time.sleep(0.1)
print(pathlib.Path("/scratch/ready").read_text())
"""
    stack = stack_of(
        template(
            container(asks, MountPoints=mount),
            container(listens, Name="sidecar", Essential=False, MountPoints=mount),
        ),
        status="CREATE_COMPLETE",
    )
    task = run(emulator, stack)
    assert printed(emulator, stack, task) == ["200", "from the sidecar"]
    assert {each["name"]: each["exitCode"] for each in task["containers"]} == {"program": 0, "sidecar": 5}


def test_nothing_is_left_of_a_task(emulator: Emulator, stack_of: Make) -> None:
    mount = [{"SourceVolume": "scratch", "ContainerPath": "/scratch"}]
    stack = stack_of(template(container("", MountPoints=mount)), status="CREATE_COMPLETE")
    task_id = run(emulator, stack)["taskArn"].rsplit("/", 1)[-1]
    label = f"label=org.windsock.rehearsal.task={task_id}"

    def left() -> str:
        asked = [["docker", "ps", "--all", "--quiet"], ["docker", "volume", "ls", "--quiet"]]
        return "".join(
            subprocess.run([*each, "--filter", label], capture_output=True, text=True, check=True).stdout
            for each in asked
        )

    wait_until(lambda: not left(), "container and volume are removed")
