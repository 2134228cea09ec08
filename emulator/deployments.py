"""One deployment of an ECS service: the steps by which new tasks take over, and the way back.

As ECS does it (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html):
green tasks start in the other target group; when all are healthy, the production rule's weights are shifted; blue stays
for the bake time; then it is drained. An alarm, or whoever stops the deployment, shifts back. Green tasks that never
get healthy are no reason to give up: with blue/green there is no circuit breaker.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Revision:
    """One version of a service: what runs, and the target group that its tasks are in."""

    arn: str
    task_definition: str
    target_group: str | None
    wanted: int = 0
    drained_at: float | None = None
    """When its tasks may be stopped: requests that they have are given that long."""
    launched_at: float = 0.0
    launches: int = 0
    """How often tasks were started lately."""
    id: str = field(default_factory=lambda: f"ecs-svc/{uuid.uuid4().int % 10**19:019d}")


@dataclass
class Deployment:
    """The way from one revision to the next."""

    arn: str
    target: Revision
    source: Revision | None
    status: str = "IN_PROGRESS"
    stage: str = "RECONCILE_SERVICE"
    reason: str = ""
    created_at: float = field(default_factory=time.time)
    finished_at: float | None = None
    bake_until: float | None = None
    stop_asked: str | None = None
    """Why it is to be taken back."""
    triggered: list[str] = field(default_factory=list)
    """The alarms that went off."""

    @property
    def done(self) -> bool:
        """Whether it has come to its end, good or bad."""
        return self.finished_at is not None

    def finish(self, status: str, reason: str = "") -> None:
        """Say how it ended."""
        self.status, self.reason, self.finished_at = status, reason or self.reason, time.time()

    def described(self, service: dict[str, Any], counts: Any) -> dict[str, Any]:
        """As DescribeServiceDeployments has it.

        Args:
            service: The service's record.
            counts: Gives the running and the pending tasks of a revision.
        """
        described: dict[str, Any] = {
            "serviceDeploymentArn": self.arn,
            "serviceArn": service["serviceArn"],
            "clusterArn": service["clusterArn"],
            "createdAt": self.created_at,
            "startedAt": self.created_at,
            "updatedAt": self.finished_at or time.time(),
            "status": self.status,
            "lifecycleStage": self.stage,
            "targetServiceRevision": self._revision(self.target, counts),
            "sourceServiceRevisions": [self._revision(self.source, counts)] if self.source else [],
            "deploymentConfiguration": service["deploymentConfiguration"],
            "alarms": {
                "status": "TRIGGERED" if self.triggered else "MONITORING",
                "alarmNames": ((service["deploymentConfiguration"].get("alarms") or {}).get("alarmNames")) or [],
                "triggeredAlarmNames": self.triggered,
            },
        }
        if self.reason:
            described["statusReason"] = self.reason
        if self.finished_at:
            described["finishedAt"] = self.finished_at
        if self.status.startswith("ROLLBACK") and self.source:
            described["rollback"] = {"reason": self.reason, "serviceRevisionArn": self.source.arn}
        return described

    @staticmethod
    def _revision(revision: Revision, counts: Any) -> dict[str, Any]:
        running, pending = counts(revision)
        return {
            "arn": revision.arn,
            "requestedTaskCount": revision.wanted,
            "runningTaskCount": running,
            "pendingTaskCount": pending,
        }
