"""EventBridge Scheduler: calls its target in its role, with its input; what cannot be done goes to the dead letters."""

from __future__ import annotations

import json
import logging
import uuid
from datetime import UTC, datetime
from typing import Any

from ministack.services import eventbridge, scheduler

from emulator import functions
from emulator.cloudformation import client
from emulator.permissions import refused_to_role

log = logging.getLogger("emulator")

_ACTIONS = {"lambda": "lambda:InvokeFunction", "sqs": "sqs:SendMessage", "sns": "sns:Publish"}


class NoScheduleError(Exception):
    """There is no schedule of that name; the message names those that there are."""


def install() -> None:
    """Take what is due over from MiniStack, which takes no role, leaves the input as it is, and drops what fails."""
    invoke = eventbridge._invoke_target

    def repaired(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> None:
        if event.get("Source") == "aws.scheduler":
            _fire(rule)
        else:
            invoke(target, event, rule, view)

    eventbridge._invoke_target = repaired


def fire(group: str, name: str) -> dict[str, str]:
    """Do now what a schedule does when it is due.

    Returns:
        `execution`, the id of this call, and `refused`: why its target was not called, or nothing.

    Raises:
        NoScheduleError: There is none of that name.
    """
    schedule = scheduler._schedules.get(f"{group}/{name}")
    if schedule is None:
        known = ", ".join(sorted(scheduler._schedules)) or "none"
        raise NoScheduleError(f"There is no schedule {group}/{name}. There is: {known}")
    return _fire(schedule)


def _fire(schedule: dict[str, Any]) -> dict[str, str]:
    target = schedule["Target"]
    execution = str(uuid.uuid4())
    payload = _filled(target.get("Input") or "{}", schedule["Arn"], execution)
    refusal = _refusal(target)
    if refusal is None:
        log.info("schedule %s calls %s with %s", schedule["Name"], target["Arn"], payload)
        event = {"Source": "windsock.scheduler", "DetailType": "Scheduled Event", "Detail": "{}", "Resources": []}
        if ":lambda:" in target["Arn"]:
            functions.call(target["Arn"], json.loads(payload))
        else:
            eventbridge._invoke_target({**target, "Input": payload}, event, schedule)
    else:
        log.error("schedule %s calls nothing: %s", schedule["Name"], refusal)
        _to_dead_letters(target, payload, refusal)
    return {"execution": execution, "refused": refusal or ""}


def _filled(text: str, arn: str, execution: str) -> str:
    """The input with its context attributes, https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html."""
    values = {
        "schedule-arn": arn,
        "scheduled-time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "execution-id": execution,
        "attempt-number": "1",
    }
    for name, value in values.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def _refusal(target: dict[str, Any]) -> str | None:
    service = target["Arn"].split(":")[2]
    if service not in _ACTIONS:
        return f"the emulated scheduler calls no {service}"
    refused = refused_to_role(target["RoleArn"], "scheduler.amazonaws.com", _ACTIONS[service], target["Arn"])
    if refused is None and service == "lambda":
        try:
            functions.function(target["Arn"])
        except functions.RefusedError as error:
            return str(error)
    return refused


def _to_dead_letters(target: dict[str, Any], payload: str, reason: str) -> None:
    """Hand on what could not be done. The scheduler does it in the target's role, too."""
    queue = (target.get("DeadLetterConfig") or {}).get("Arn")
    if not queue:
        return
    if refused := refused_to_role(target["RoleArn"], "scheduler.amazonaws.com", "sqs:SendMessage", queue):
        log.error("nor into the queue of dead letters: %s", refused)
        return
    sqs = client("sqs")
    sqs.send_message(
        QueueUrl=sqs.get_queue_url(QueueName=queue.rsplit(":", 1)[-1])["QueueUrl"],
        MessageBody=payload,
        MessageAttributes={
            "ERROR_MESSAGE": {"DataType": "String", "StringValue": reason},
            "TARGET_ARN": {"DataType": "String", "StringValue": target["Arn"]},
        },
    )
