"""Spot takes a task away: as the rehearsal's trials have it done, and with what ECS then says of the task."""

from __future__ import annotations

import http.client
from collections.abc import Callable

import pytest

from tests.conftest import wait_until
from tests.integration.emulator.conftest import Emulator
from tests.integration.emulator.running import described, printed, start, until
from tests.integration.emulator.task_templates import container, template

pytestmark = pytest.mark.docker

ENDS_WHEN_ASKED = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
print("ready")
while True: time.sleep(0.1)
"""


def interrupt(emulator: Emulator, arn: str) -> int:
    """The status that is answered to whoever has Spot take a task away."""
    connection = http.client.HTTPConnection("127.0.0.1", emulator.port, timeout=30)
    connection.request("POST", f"/_emulator/interrupt?task={arn}")
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_task_on_spot_is_asked_to_end_and_says_why_and_no_other_can_be_taken_away(
    emulator: Emulator, stack_of: Callable[..., str]
) -> None:
    stack = stack_of(template(container(ENDS_WHEN_ASKED)), status="CREATE_COMPLETE")
    spot = start(emulator, stack, capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}])
    other = start(emulator, stack)
    wait_until(lambda: "ready" in printed(emulator, stack, spot), "the one program has begun")
    wait_until(lambda: "ready" in printed(emulator, stack, other), "the other program has begun")
    assert (interrupt(emulator, other), interrupt(emulator, "nobody"), interrupt(emulator, spot)) == (404, 404, 200)
    task = until(emulator, spot, "STOPPED")
    assert (task["stopCode"], task["stoppedReason"]) == ("SpotInterruption", "Your Spot Task was interrupted.")
    assert task["containers"][0]["exitCode"] == 3
    assert described(emulator, other)["lastStatus"] == "RUNNING"
    emulator.client("ecs").stop_task(cluster=other.split("/")[1], task=other)
    until(emulator, other, "STOPPED")
