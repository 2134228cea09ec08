"""An emulated AWS for these tests alone: on a free port, with a folder of its own, stopped at their end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deployment.session import Place
from tests.conftest import PROJECT, free_port, wait_until

REGION = "us-east-1"


def emulate(*words: str | Path | int) -> subprocess.CompletedProcess[str]:
    """Run `python -m emulator` with these words."""
    return subprocess.run(
        [sys.executable, "-m", "emulator", *map(str, words)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


@dataclass(frozen=True)
class Emulator:
    """A running one."""

    port: int
    folder: Path
    place: Place

    def client(self, service: str) -> Any:
        """A client of one of its services."""
        return self.place.client(service)

    def stack(self, name: str, template: dict[str, Any], **parameters: str) -> str:
        """Create or update a stack, wait for its end and give its status."""
        cloudformation = self.client("cloudformation")
        options = {
            "StackName": name,
            "TemplateBody": json.dumps(template),
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
        }
        there = [
            stack for stack in cloudformation.list_stacks()["StackSummaries"]
            if stack["StackName"] == name and stack["StackStatus"] != "DELETE_COMPLETE"
        ]  # fmt: skip
        (cloudformation.update_stack if there else cloudformation.create_stack)(**options)
        return self.until_done(name)

    def until_done(self, name: str) -> str:
        """Wait until nothing goes on in a stack any more, and give its status."""
        status = ""

        def done() -> bool:
            nonlocal status
            status = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
            return not status.endswith("_IN_PROGRESS")

        wait_until(done, f"the stack {name} is done", 240)
        return status

    def outputs(self, name: str) -> dict[str, str]:
        """The outputs of a stack."""
        stack = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    def events(self, name: str) -> list[tuple[str, str, str]]:
        """The events of a stack, the first first: logical name, status, reason."""
        events = self.client("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
        return [
            (event["LogicalResourceId"], event["ResourceStatus"], event.get("ResourceStatusReason", ""))
            for event in reversed(events)
        ]


@pytest.fixture(scope="session")
def emulator(docker: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:  # noqa: ARG001 - in it
    """The one that these tests share. Each test uses names of its own."""
    port, folder = free_port(in_a_row=2), tmp_path_factory.mktemp("emulator")
    started = emulate("start", "--port", port, "--folder", folder)
    assert started.returncode == 0, started.stderr
    yield Emulator(port, folder, Place(REGION, "", f"http://127.0.0.1:{port}", "test", "test"))
    stopped = emulate("stop", "--folder", folder)
    assert stopped.returncode == 0, stopped.stderr


@pytest.fixture
def stack_of(emulator: Emulator, request: pytest.FixtureRequest) -> Iterator[Callable[..., str]]:
    """A function that makes or changes this test's stack and gives its name; the stack is deleted afterwards."""
    name = request.node.originalname.replace("_", "-")[:100]
    index = request.node.name.partition("[")[2]
    name += "".join(letter if letter.isalnum() else "-" for letter in f"-{index}").rstrip("-") if index else ""

    def make(template: dict[str, Any], *, status: str | None = None, **parameters: str) -> str:
        reached = emulator.stack(name, template, **parameters)
        if status:
            assert reached == status, emulator.events(name)
        return name

    yield make
    emulator.client("cloudformation").delete_stack(StackName=name)
