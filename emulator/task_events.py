"""ECS tells EventBridge of each change of a task, which MiniStack does not: rules wait for it."""

from __future__ import annotations

import json
from typing import Any

from ministack.core.concurrency import spawn_background
from ministack.services import ecs, eventbridge

_MARKS = ("_mark_task_pending", "_mark_task_activating", "_mark_task_running", "_mark_task_stopped")


def install() -> None:
    """Tell of what changed after each mark; give tasks the group that ECS gives them."""
    for name in _MARKS:
        setattr(ecs, name, _telling(getattr(ecs, name)))
    run = ecs._ACTION_MAP["RunTask"]

    def with_group(data: dict[str, Any]) -> Any:
        key = ecs._resolve_td_key(data.get("taskDefinition", ""))
        return run({"group": f"family:{str(key).rsplit(':', 1)[0]}", **data})

    ecs._ACTION_MAP["RunTask"] = with_group


def _telling(mark: Any) -> Any:
    def marked(arn: str, task: dict[str, Any], *rest: Any, **options: Any) -> Any:
        changed = mark(arn, task, *rest, **options)
        if changed:
            spawn_background(_tell, _detail(task), thread_name="emulator-events")
        return changed

    return marked


def _detail(task: dict[str, Any]) -> dict[str, Any]:
    """The task as ECS describes it, without what there is not: no exit code is not the exit code null."""
    described: dict[str, Any] = _without_none(ecs._sanitize(task))
    return described


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, list):
        return [_without_none(entry) for entry in value]
    return value


def _tell(detail: dict[str, Any]) -> None:
    entry = {
        "Source": "aws.ecs",
        "DetailType": "ECS Task State Change",
        "Resources": [detail["taskArn"]],
        "Detail": json.dumps(detail, default=str),
    }
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
