"""One-off tasks of ECS: run, followed to their end, and explained when they fail."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deployment import logs
from deployment.events import Say
from deployment.session import Place

LOG_LINES = 20
_PAUSE_S = 2.0
# ECS may not know of a task yet that it has just started, and CloudWatch not of a line that was just logged.
_SETTLING_S = 15.0
_SAID = {
    "PROVISIONING": "is given its network",
    "PENDING": "is waiting for its image",
    "ACTIVATING": "is starting",
    "RUNNING": "is running",
    "STOPPING": "is being stopped",
    "STOPPED": "has ended",
}


class TaskError(Exception):
    """A task could not be started, or did not end in time; the message says why and what to do."""


@dataclass(frozen=True)
class Request:
    """What is to be run, where, and on what."""

    cluster: str
    definition: str
    """The ARN of a task definition, or family:revision."""
    subnets: Sequence[str]
    security_groups: Sequence[str]
    capacity: Sequence[str] = ("FARGATE",)
    """Capacity providers: the next one is tried where one has no room."""
    overrides: Sequence[Mapping[str, Any]] = ()
    """Of containers, as RunTask takes them: name, command, environment."""


@dataclass(frozen=True)
class Ended:
    """How a task ended."""

    task: str
    """Its ARN."""
    exit_code: int | None
    """Of its main container; None where that never ran."""
    reason: str
    log: list[str]
    """The last lines."""
    log_address: str
    """The log group and the stream."""

    @property
    def succeeded(self) -> bool:
        """Whether it did what it was to do."""
        return self.exit_code == 0

    def __str__(self) -> str:
        code = "without having run" if self.exit_code is None else f"with exit code {self.exit_code}"
        return f"the task {short_id(self.task)} ended {code}: {self.reason}{quoted(self.log, self.log_address)}"


def run(place: Place, request: Request, say: Say, deadline_s: float) -> Ended:
    """Run a task to its end.

    Args:
        place: The account and region.
        request: What is to be run.
        say: Shows a line when its state changes.
        deadline_s: It is stopped when it runs for longer.

    Raises:
        TaskError: ECS does not start it, or the deadline passed.
    """
    return follow(place, request.cluster, start(place, request), say, deadline_s)


def start(place: Place, request: Request) -> str:
    """Start a task and return its ARN.

    Raises:
        TaskError: ECS does not start it.
    """
    ecs = place.client("ecs")
    refusals: list[str] = []
    for provider in request.capacity:
        answer = ecs.run_task(
            cluster=request.cluster,
            taskDefinition=request.definition,
            capacityProviderStrategy=[{"capacityProvider": provider, "weight": 1}],
            networkConfiguration={
                "awsvpcConfiguration": {
                    "subnets": list(request.subnets),
                    "securityGroups": list(request.security_groups),
                    "assignPublicIp": "DISABLED",
                }
            },
            overrides={"containerOverrides": list(request.overrides)} if request.overrides else {},
            startedBy="windsock-deployment",
            clientToken=uuid.uuid4().hex,  # asked twice because an answer was lost, ECS starts one task
        )
        if answer.get("tasks"):
            return str(answer["tasks"][0]["taskArn"])
        reasons = [
            f"{failure.get('reason', 'no reason is given')} {failure.get('detail', '')}".strip()
            for failure in answer.get("failures", [])
        ]
        refusals.append(f"{provider}: {', '.join(reasons) or 'no task and no reason'}")
    raise TaskError(f"ECS started no task of {request.definition} in {request.cluster} ({'; '.join(refusals)})")


def follow(place: Place, cluster: str, task: str, say: Say, deadline_s: float) -> Ended:
    """Follow a task that was started to its end.

    Raises:
        TaskError: ECS does not know it, or the deadline passed and it was stopped.
    """
    ecs = place.client("ecs")
    begun = time.monotonic()
    shown = ""
    while True:
        found = ecs.describe_tasks(cluster=cluster, tasks=[task])["tasks"]
        waited = time.monotonic() - begun
        if not found and waited > _SETTLING_S:
            raise TaskError(f"ECS does not know the task {task} of the cluster {cluster}")
        status = str(found[0]["lastStatus"]) if found else ""
        if status in _SAID and status != shown:
            say(f"the task {short_id(task)} {_SAID[status]}")
            shown = status
        if status == "STOPPED":
            return ended(place, found[0])
        if waited > deadline_s:
            ecs.stop_task(cluster=cluster, task=task, reason=f"not done after {deadline_s:g} s")
            last = ended(place, found[0]) if found else None
            raise TaskError(
                f"the task {short_id(task)} was not done after {deadline_s:g} s, and was stopped (it was {status})"
                f"{quoted(last.log, last.log_address) if last else ''}"
            )
        time.sleep(_PAUSE_S)


def ended(place: Place, task: Mapping[str, Any]) -> Ended:
    """What is known of a task: how it ended, why, and its last lines.

    Args:
        place: The account and region.
        task: As `describe_tasks` gives it.
    """
    definition = place.client("ecs").describe_task_definition(taskDefinition=task["taskDefinitionArn"])
    # A collector beside the program is not essential: the program is.
    main = next(each for each in definition["taskDefinition"]["containerDefinitions"] if each.get("essential", True))
    containers = {each["name"]: each for each in task.get("containers", [])}
    container = containers.get(main["name"], {})
    exit_code = container.get("exitCode")
    options = main.get("logConfiguration", {}).get("options", {})
    group, prefix = options.get("awslogs-group", ""), options.get("awslogs-stream-prefix", "")
    stream = f"{prefix}/{main['name']}/{short_id(task['taskArn'])}"
    return Ended(
        task=task["taskArn"],
        exit_code=exit_code,
        reason=_reason(task, container),
        log=_log(place, group, stream, ran=exit_code is not None) if group else [],
        log_address=f"{group}, {stream}",
    )


def summed_up(tasks: Iterable[Mapping[str, Any]]) -> list[str]:
    """Why tasks stopped, each reason once with how many had it."""
    reasons: Counter[str] = Counter()
    for task in tasks:
        codes = [
            f"{container['name']} ended with exit code {container['exitCode']}"
            for container in task.get("containers", [])
            if container.get("exitCode") is not None
        ]
        causes = [container["reason"] for container in task.get("containers", []) if container.get("reason")]
        stopped = task.get("stoppedReason", "no reason is given")
        reasons["; ".join(dict.fromkeys([stopped, *causes, *codes]))] += 1
    return [f"{count} x {reason}" for reason, count in reasons.most_common()]


def short_id(task: str) -> str:
    """The last part of a task's ARN, as its log stream is called."""
    return task.rsplit("/", 1)[-1]


def quoted(lines: Sequence[str], address: str) -> str:
    """Lines of a log as the end of a message."""
    if not lines:
        return f"\nIt has logged nothing ({address})." if address else ""
    return f"\nThe end of its log ({address}):\n" + "\n".join(f"  {line}" for line in lines)


def _reason(task: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    said = [task.get("stoppedReason"), container.get("reason")]
    if container.get("exitCode") == 137:
        said.append("it was killed, as is done with one that takes more memory than it has, or does not end when told")
    return "; ".join(dict.fromkeys(text for text in said if text)) or "no reason is given"


def _log(place: Place, group: str, stream: str, *, ran: bool) -> list[str]:
    """The last lines; those of one that ran are waited for."""
    until = time.monotonic() + (_SETTLING_S if ran else 0)
    while True:
        lines = logs.tail(place.client("logs"), group, stream, LOG_LINES)
        if lines or time.monotonic() > until:
            return lines
        time.sleep(_PAUSE_S)
