"""One stack: brought to what is wanted by a change set, followed to its end, deleted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from deployment import changes
from deployment.changes import Change
from deployment.events import Follower, Say, Watch

USABLE = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
)
"""The states of a stack that works and can be changed."""
_NEVER_MADE = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED")
_SUCCESS = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
_CHANGE_SET_WAIT_S = 300.0


class StackError(Exception):
    """A stack is not what it should be; the message says what failed, why, and what to do."""


@dataclass(frozen=True)
class Wanted:
    """What a stack should be."""

    name: str
    body: str
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    resources: Mapping[str, str]
    """The types of the template's resources by their logical names."""
    role: str = ""
    """The role that CloudFormation works as; that of the last time, or the caller's own rights, where it is empty."""


@dataclass(frozen=True)
class Outcome:
    """What became of a stack."""

    outputs: dict[str, str] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    made: bool = True
    """False where it does not exist yet and nothing was to be changed: its outputs cannot be known."""


def parameters(client: Any, name: str) -> dict[str, str]:
    """The parameters that a stack has now; none where there is no such stack."""
    described = described_stack(client, name) or {}
    return {item["ParameterKey"]: item["ParameterValue"] for item in described.get("Parameters", [])}


def outputs(client: Any, name: str) -> dict[str, str] | None:
    """The outputs of a stack that can be used, or None where there is none."""
    described = described_stack(client, name)
    if described is None or described["StackStatus"] == "REVIEW_IN_PROGRESS":
        return None
    return _outputs(described)


def deploy(
    client: Any, wanted: Wanted, say: Say, watch: Watch | None = None, may_lose: frozenset[str] = frozenset()
) -> Outcome:
    """Bring one stack to what is wanted, and follow it to its end.

    A stack that has the template, the parameters and the tags already is left alone, without a change set.

    Args:
        client: CloudFormation of the stack's region.
        wanted: What it should be.
        say: Shows a line.
        watch: What else looks after it meanwhile.
        may_lose: Logical names of resources with data that may be replaced or removed.

    Raises:
        StackError: It cannot be changed now, data would be lost, or the change failed and was taken back.
    """
    described = described_stack(client, wanted.name)
    _refuse_unusable(client, wanted.name, described)
    new = described is None or described["StackStatus"] == "REVIEW_IN_PROGRESS"
    if described and not new and _same(client, described, wanted):
        return Outcome(_outputs(described))
    planned = _change_set(client, wanted, new=new)
    if planned is None and described:
        return Outcome(_outputs(described))
    assert planned is not None
    change_set, found = planned
    lost = [change for change in found if change.loses_data and change.name not in may_lose]
    if lost:
        client.delete_change_set(ChangeSetName=change_set)
        raise StackError(_loss(wanted.name, lost))
    if not new:
        for change in found:
            say(str(change))
    follower = Follower(client, wanted.name, say)
    client.execute_change_set(ChangeSetName=change_set)
    status = follower.until_done(watch)
    if status not in _SUCCESS:
        raise StackError(_failure(wanted.name, status, follower, watch))
    return Outcome(outputs(client, wanted.name) or {}, found)


def plan(client: Any, wanted: Wanted) -> Outcome:
    """What `deploy` would change, which nothing is. Of a new stack the template's resources are listed.

    Raises:
        StackError: It cannot be changed now.
    """
    described = described_stack(client, wanted.name)
    _refuse_unusable(client, wanted.name, described)
    if described is None or described["StackStatus"] == "REVIEW_IN_PROGRESS":
        return Outcome({}, changes.of_new_stack(wanted.resources), made=False)
    if _same(client, described, wanted):
        return Outcome(_outputs(described))
    planned = _change_set(client, wanted, new=False)
    if planned:
        client.delete_change_set(ChangeSetName=planned[0])
    return Outcome(_outputs(described), planned[1] if planned else [])


def change_parameters(client: Any, name: str, values: Mapping[str, str], say: Say) -> bool:
    """Give some parameters of a stack other values, and leave all else as it is. Parameters that it lacks are ignored.

    Returns:
        Whether that changed anything; False also where there is no such stack.

    Raises:
        StackError: It cannot be changed now, or the change failed and was taken back.
    """
    described = described_stack(client, name)
    if described is None or described["StackStatus"] not in USABLE:
        return False
    current = parameters(client, name)
    wanted = Wanted(
        name=name,
        body=client.get_template(StackName=name, TemplateStage="Original")["TemplateBody"],
        parameters=current | {key: value for key, value in values.items() if key in current},
        tags={tag["Key"]: tag["Value"] for tag in described.get("Tags", [])},
        resources={},
    )
    return bool(deploy(client, wanted, say).changes)


def delete(client: Any, name: str, say: Say) -> bool:
    """Delete a stack and follow it to its end. What its policies keep is kept.

    Returns:
        Whether there was one.

    Raises:
        StackError: Something of it could not be deleted.
    """
    described = described_stack(client, name)
    if described is None:
        return False
    follower = Follower(client, described["StackId"], say)
    client.delete_stack(StackName=described["StackId"])
    status = follower.until_done()
    if status != "DELETE_COMPLETE":
        raise StackError(_failure(name, status, follower, None))
    return True


def described_stack(client: Any, name: str) -> dict[str, Any] | None:
    """What CloudFormation says of a stack, or None where there is none."""
    try:
        stack: dict[str, Any] = client.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in error.response["Error"].get("Message", ""):
            return None
        raise
    return None if stack["StackStatus"] == "DELETE_COMPLETE" else stack


def _outputs(described: Mapping[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def _refuse_unusable(client: Any, name: str, described: Mapping[str, Any] | None) -> None:
    status = described["StackStatus"] if described else "REVIEW_IN_PROGRESS"
    if status in USABLE or status == "REVIEW_IN_PROGRESS":
        return
    if status.endswith("_IN_PROGRESS"):
        raise StackError(
            f"The stack {name} is being changed already ({status}). Wait until that is done, then run this again."
        )
    if status in _NEVER_MADE:
        first = next(iter(_failed_before(client, name)), "its events do not say why")
        raise StackError(
            f"The stack {name} is {status}: making or deleting it failed before, because of {first}. CloudFormation "
            f"changes no such stack. When the cause is mended, delete what is left of it and go on: "
            f"ansible-playbook site.yml -i <inventory> -e remove_failed_stacks=true"
        )
    raise StackError(
        f"The stack {name} is {status}: an update failed, and so did taking it back. See its events in the console, "
        f"mend the cause, then run: aws cloudformation continue-update-rollback --stack-name {name}"
    )


def remove_if_never_made(client: Any, name: str, say: Say) -> None:
    """Delete a stack whose creation failed: it has nothing that works. What holds data is kept by its policy."""
    described = described_stack(client, name)
    if described and described["StackStatus"] in _NEVER_MADE:
        say(f"is {described['StackStatus']}: what is left of it is deleted")
        delete(client, name, say)


def _failed_before(client: Any, name: str) -> list[str]:
    """The failed events of a stack's past, the first first."""
    pages = client.get_paginator("describe_stack_events").paginate(StackName=name)
    failed = [event for page in pages for event in page["StackEvents"] if event["ResourceStatus"].endswith("_FAILED")]
    return [_event(event) for event in reversed(failed)]


def _same(client: Any, described: Mapping[str, Any], wanted: Wanted) -> bool:
    """Whether a stack has been given all that is wanted. What was changed behind its back is not looked at."""
    if {item["ParameterKey"]: item["ParameterValue"] for item in described.get("Parameters", [])} != wanted.parameters:
        return False
    if {tag["Key"]: tag["Value"] for tag in described.get("Tags", [])} != wanted.tags:
        return False
    if described["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE":
        return False  # its template and parameters may be those that could not be had
    body = client.get_template(StackName=wanted.name, TemplateStage="Original")["TemplateBody"]
    return bool(body.strip() == wanted.body.strip())


def _change_set(client: Any, wanted: Wanted, *, new: bool) -> tuple[str, list[Change]] | None:
    """A change set with its changes, or None when there is nothing to change."""
    change_set = client.create_change_set(
        StackName=wanted.name,
        ChangeSetName=f"windsock-{datetime.now(UTC):%Y%m%dT%H%M%S%f}",
        ChangeSetType="CREATE" if new else "UPDATE",
        TemplateBody=wanted.body,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in wanted.parameters.items()],
        Tags=[{"Key": key, "Value": value} for key, value in wanted.tags.items()],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
        **({"RoleARN": wanted.role} if wanted.role else {}),
    )["Id"]
    until = time.monotonic() + _CHANGE_SET_WAIT_S
    entries: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = client.describe_change_set(ChangeSetName=change_set, **token)
        if page["Status"] == "FAILED":
            _clear_away(client, change_set, wanted.name, page.get("StatusReason", "no reason is given"))
            return None
        if page["Status"] == "CREATE_COMPLETE":
            entries += page.get("Changes", [])
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        elif time.monotonic() > until:
            raise StackError(
                f"CloudFormation has not worked out the changes of {wanted.name} after {_CHANGE_SET_WAIT_S} s."
            )
        else:
            time.sleep(0.5)
    if new:
        return change_set, changes.of_change_set(entries, wanted.body)
    before = client.get_template(StackName=wanted.name, TemplateStage="Original")["TemplateBody"]
    return change_set, changes.of_change_set(entries, before)


def _clear_away(client: Any, change_set: str, name: str, reason: str) -> None:
    """Delete a change set that failed: because nothing is to be changed, or because nothing can be."""
    client.delete_change_set(ChangeSetName=change_set)
    if "didn't contain changes" not in reason and "No updates are to be performed" not in reason:
        raise StackError(f"The changes of the stack {name} cannot be worked out: {reason}")


def _loss(name: str, lost: list[Change]) -> str:
    lines = "\n".join(f"  {change}" for change in lost)
    return (
        f"Stopped: this would take away data of the stack {name}, and nothing has been changed:\n{lines}\n"
        f"Set back what causes it. If it is meant (a restore, for instance), name the resources: "
        f'-e \'{{"may_lose": ["{lost[0].name}"]}}\''
    )


def _event(event: Mapping[str, Any]) -> str:
    reason = event.get("ResourceStatusReason", "no reason is given")
    return f"{event['LogicalResourceId']} ({changes.short(event['ResourceType'])}): {reason}"


def _failure(name: str, status: str, follower: Follower, watch: Watch | None) -> str:
    first = _event(follower.failed[0]) if follower.failed else "its events do not say which resource failed"
    after = {
        "UPDATE_ROLLBACK_COMPLETE": "It was taken back: what ran before runs on.",
        "ROLLBACK_COMPLETE": "What had been made of it was taken back. Mend the cause, then run this again with "
        "-e remove_failed_stacks=true.",
        "DELETE_FAILED": "What is left of it stays; mend the cause and run this again.",
    }.get(status, f"It is {status} now: see its events in the console.")
    more = watch.reason() if watch else None
    return f"The stack {name} failed at {first}\n{more + chr(10) if more else ''}{after}"
