"""Following a stack while CloudFormation works on it: a line for each resource, and where a failure began."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Protocol

from deployment.changes import short

Say = Callable[[str], None]
"""Shows one line to whoever watches the deployment."""

_DONE = {
    "CREATE_COMPLETE": "created",
    "UPDATE_COMPLETE": "updated",
    "DELETE_COMPLETE": "deleted",
    "DELETE_SKIPPED": "kept, as its policy says",
}
# What CloudFormation says of resources that it stopped because another one had failed.
_FOLLOW_UP = ("cancelled", "Resource creation cancelled", "Resource update cancelled")
_SILENCE_S = 60.0  # after that, what is still waited for is said


class Watch(Protocol):
    """What else looks after a stack while it is being changed, such as a release with a deadline of its own."""

    def poll(self) -> None:
        """Look once; called every few seconds."""

    def reason(self) -> str | None:
        """Why it failed, when more can be said than CloudFormation does."""


class Follower:
    """Follows one operation on one stack by its events."""

    def __init__(self, client: Any, stack_id: str, say: Say) -> None:
        """Remember the last event that there is: what comes later belongs to the operation."""
        self._client = client
        self._stack_id = stack_id
        self._say = say
        self._last_id = next((event["EventId"] for event in self._newest_first()), None)
        self._begun: dict[str, datetime] = {}
        self._said_at = time.monotonic()
        self.failed: list[dict[str, Any]] = []
        """The events of resources that failed, in the order of time, without those that were only stopped."""

    def until_done(self, watch: Watch | None = None) -> str:
        """Follow the operation to its end.

        Returns:
            The stack's last status, such as CREATE_COMPLETE or UPDATE_ROLLBACK_COMPLETE.
        """
        pause_s = 0.3
        while True:
            # The status first: events that belong to it are then there.
            status = self.status()
            for event in self._new():
                self._tell(event)
            if not status.endswith("_IN_PROGRESS"):
                return status
            if watch:
                watch.poll()
            if self._begun and time.monotonic() - self._said_at > _SILENCE_S:
                self._tell_waiting()
            time.sleep(pause_s)
            pause_s = min(pause_s * 1.2, 5.0)  # a change of seconds is seen at once, one of minutes costs few calls

    def status(self) -> str:
        """The stack's status now. One that is deleted is found by its id alone."""
        return str(self._client.describe_stacks(StackName=self._stack_id)["Stacks"][0]["StackStatus"])

    def _newest_first(self) -> Iterator[dict[str, Any]]:
        for page in self._client.get_paginator("describe_stack_events").paginate(StackName=self._stack_id):
            yield from page["StackEvents"]

    def _new(self) -> list[dict[str, Any]]:
        fresh = []
        for event in self._newest_first():
            if event["EventId"] == self._last_id:
                break
            fresh.append(event)
        if fresh:
            self._last_id = fresh[0]["EventId"]
        return fresh[::-1]

    def _tell(self, event: dict[str, Any]) -> None:
        name, status = event["LogicalResourceId"], event.get("ResourceStatus", "")
        if event.get("PhysicalResourceId") == event["StackId"]:  # the stack itself
            return
        if status.endswith("_IN_PROGRESS"):
            self._begun.setdefault(name, event["Timestamp"])
            return
        begun = self._begun.pop(name, event["Timestamp"])
        reason = str(event.get("ResourceStatusReason", ""))
        what = f"{name} ({short(event['ResourceType'])})"
        if status in _DONE:
            self._line(f"{_DONE[status]:<8} {what} in {(event['Timestamp'] - begun).total_seconds():.0f} s")
        elif status.endswith("_FAILED") and not reason.startswith(_FOLLOW_UP):
            self.failed.append(event)
            self._line(f"FAILED   {what}: {reason}")

    def _tell_waiting(self) -> None:
        self._line(f"waiting for {', '.join(sorted(self._begun))}")

    def _line(self, text: str) -> None:
        self._said_at = time.monotonic()
        self._say(text)
