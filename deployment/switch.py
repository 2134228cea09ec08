"""Switching over to a restored server: it gets the name, and with it the address, of the one that it replaces.

Secrets, alarms, the programs' settings and the stack know the server by that name alone, and so follow it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from deployment import stack
from deployment.events import Say
from deployment.servers import (
    ASKED_TAG,
    MOMENT_TAG,
    RESTORED,
    Found,
    RestoreError,
    Server,
    look,
    modify,
    name_before,
    tags,
    until,
)
from deployment.session import Place, explain
from deployment.task import short_id

_MANIFEST = "WINDSOCK_MANIFEST"
_SCHEDULE_FIELDS = (
    "Name",
    "GroupName",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartDate",
    "EndDate",
    "Description",
    "KmsKeyArn",
    "Target",
    "FlexibleTimeWindow",
    "ActionAfterCompletion",
)
"""What UpdateSchedule has to be told again, since it keeps nothing that it is not told."""


@dataclass(frozen=True)
class Ingestion:
    """What loads into the database, and has to stand still meanwhile."""

    stack: str
    """The stack's name: its parameter ScheduleState says whether the schedule is to run."""
    schedule: str
    cluster: str
    definition: str
    """The ARN of the worker's task definition."""


@dataclass(frozen=True)
class Switched:
    """What a switch has come to."""

    identifier: str
    moment: str
    """Of what the data are; as text."""
    before: str
    """The name of the server that was replaced; empty where it was deleted meanwhile."""
    changed: bool


def check(place: Place, identifier: str) -> Found:
    """See that a switch can be, without changing anything, and give what there is.

    Raises:
        RestoreError: It cannot be.
    """
    found = look(place.client("rds"), identifier)
    if found.switched_to or found.half_switched:
        return found
    if found.restored is None:
        raise RestoreError(
            f"There is no server {identifier}{RESTORED}: restore first, with -e to=<a time such as "
            f"2026-11-22T05:30:00Z>, or -e to=latest"
        )
    if found.live is None:
        raise RestoreError(
            f"There is a server {identifier}{RESTORED}, and none that it could replace: rename it by hand, with aws "
            f"rds modify-db-instance --db-instance-identifier {identifier}{RESTORED} --new-db-instance-identifier "
            f"{identifier} --apply-immediately"
        )
    if MOMENT_TAG not in tags(found.restored):
        raise RestoreError(f"The server {identifier}{RESTORED} is none that this playbook has restored")
    if replicas := found.live.get("ReadReplicaDBInstanceIdentifiers"):
        # A replica follows its server, not the name: the API would go on reading what was there before.
        raise RestoreError(
            f"{identifier} has the replica {', '.join(replicas)}, which would go on following the old server, and the "
            f"API with it. Take it away first: ReadReplica: 'no' in stack_parameters.database, and site.yml; the API "
            f"then reads from the database itself. Switch, and set it to 'yes' again, which makes a replica of the "
            f"new data."
        )
    name_before(identifier, datetime.now(UTC))
    return found


def switch(place: Place, identifier: str, ingestion: Ingestion, say: Say, deadline_s: float) -> Switched:
    """Give the restored server the name. What an earlier run has done of it is not done again.

    Just before it, `deployment.restore.beside` and a migration give the restored server the passwords of today.

    Args:
        place: The account and region.
        identifier: The name.
        ingestion: What stands still meanwhile.
        say: Shows a line.
        deadline_s: How long RDS may take for each renaming.

    Raises:
        RestoreError: It cannot be, or did not work; the message says what is left.
    """
    found = check(place, identifier)
    if found.switched_to:
        say(f"{identifier} is the restored server already")
        _set_schedule(place, ingestion, say, wanted=_scheduled(place, ingestion))
    else:
        with _standing_still(place, identifier, ingestion, say):
            _forget_manifest(place, ingestion, say)  # first: when the rest fails, this does no harm
            _rename_both(place.client("rds"), found, say, deadline_s)
    now = _marked(place.client("rds"), identifier)
    before = now.before[-1]["DBInstanceIdentifier"] if now.before else ""
    return Switched(identifier, now.switched_to, before, changed=not found.switched_to)


def _marked(rds: Any, identifier: str) -> Found:
    """Move the mark of a restore from the restored server to the one that it replaced.

    The stack has the restored one now, and would find a tag drifted that it knows nothing of.
    """
    found = look(rds, identifier)
    assert found.live is not None
    mark = tags(found.live).get(MOMENT_TAG)
    if mark and found.before:
        rds.add_tags_to_resource(
            ResourceName=found.before[-1]["DBInstanceArn"], Tags=[{"Key": MOMENT_TAG, "Value": mark}]
        )
        rds.remove_tags_from_resource(ResourceName=found.live["DBInstanceArn"], TagKeys=[MOMENT_TAG, ASKED_TAG])
        return look(rds, identifier)
    return found


def _rename_both(rds: Any, found: Found, say: Say, deadline_s: float) -> None:
    """The old server out of the name, the restored one into it; when the second fails, the first is taken back."""
    assert found.restored is not None
    if found.live is not None:
        before = name_before(found.identifier, datetime.now(UTC))
        say("from now on until the end of the switch the API has no database, and answers 503")
        _rename(rds, found.live, before, say, deadline_s)
        old = found.live
    else:
        old = found.before[-1]
        say(f"going on with a switch that was interrupted: {old['DBInstanceIdentifier']} was the last to have the name")
    try:
        _rename(rds, found.restored, found.identifier, say, deadline_s)
    except (RestoreError, BotoCoreError, ClientError) as error:
        raise RestoreError(_taken_back(rds, found, old, say, deadline_s, error)) from error


def _rename(rds: Any, server: Server, name: str, say: Say, deadline_s: float) -> None:
    resource_id = server["DbiResourceId"]
    modify(rds, resource_id, {"NewDBInstanceIdentifier": name}, say, deadline_s)
    until(rds, resource_id, lambda now: bool(now["DBInstanceIdentifier"] == name), say, deadline_s, f"named {name}")


def _taken_back(rds: Any, found: Found, old: Server, say: Say, deadline_s: float, error: Exception) -> str:
    """Give the old server its name back, and say what came of it."""
    assert found.restored is not None
    reason = str(error) if isinstance(error, RestoreError) else explain(error)
    begun = f"{found.restored['DBInstanceIdentifier']} did not get the name {found.identifier}: {reason}"
    say(f"{begun}\n  The old server gets its name back")
    again = "-e switch=<the stacks' prefix> tries it again."
    try:
        holder = look(rds, found.identifier).live
        if holder is not None and holder["DbiResourceId"] == found.restored["DbiResourceId"]:
            return f"{begun}\nIt has the name nevertheless. {again}"
        _rename(rds, old, found.identifier, say, deadline_s)
    except (RestoreError, BotoCoreError, ClientError) as second:
        why = str(second) if isinstance(second, RestoreError) else explain(second)
        return (
            f"{begun}\nThe old server could not get its name back either: {why}\nNobody has the name "
            f"{found.identifier}, and the API has no database. {again} To go back instead: aws rds modify-db-instance "
            f"--db-instance-identifier {found.identifier}-before-... --new-db-instance-identifier {found.identifier} "
            f"--apply-immediately"
        )
    return f"{begun}\nThe old server has its name back, and the API its data as before. {again}"


@contextmanager
def _standing_still(place: Place, identifier: str, ingestion: Ingestion, say: Say) -> Iterator[None]:
    """No pass of the ingestion meanwhile. Where the name then leads to a server, the schedule is as it should be."""
    wanted = _scheduled(place, ingestion)
    _set_schedule(place, ingestion, say, wanted=False)
    try:
        if running := _running(place, ingestion):
            raise RestoreError(
                f"A pass of the ingestion is running ({short_id(running)}), and what it loads would be lost: wait for "
                f"its end, or stop it: aws ecs stop-task --cluster {ingestion.cluster} --task {short_id(running)}"
            )
        yield
    finally:
        if look(place.client("rds"), identifier).live is not None:
            _set_schedule(place, ingestion, say, wanted=wanted)
        else:
            say(f"the schedule {ingestion.schedule} stays disabled, since nobody has the name {identifier}")


def _scheduled(place: Place, ingestion: Ingestion) -> bool:
    """Whether the schedule is to run: what the stack says, whatever an interrupted switch has left."""
    return stack.parameters(place.client("cloudformation"), ingestion.stack).get("ScheduleState") != "DISABLED"


def _set_schedule(place: Place, ingestion: Ingestion, say: Say, *, wanted: bool) -> None:
    scheduler = place.client("scheduler")
    now = scheduler.get_schedule(Name=ingestion.schedule)
    state = "ENABLED" if wanted else "DISABLED"
    if now["State"] != state:
        scheduler.update_schedule(State=state, **{field: now[field] for field in _SCHEDULE_FIELDS if now.get(field)})
        say(f"the schedule {ingestion.schedule} is {state.lower()}")


def _running(place: Place, ingestion: Ingestion) -> str | None:
    """A pass that runs or is about to."""
    family = ingestion.definition.rsplit("/", 1)[-1].split(":")[0]
    # RUNNING is what ECS wants of a task, from the moment that it is asked for.
    tasks = place.client("ecs").list_tasks(cluster=ingestion.cluster, family=family, desiredStatus="RUNNING")[
        "taskArns"
    ]
    return str(tasks[0]) if tasks else None


def _forget_manifest(place: Place, ingestion: Ingestion, say: Say) -> None:
    """Delete what the last pass published of the files that it loaded: the restored database has fewer.

    The next look then finds all files new and starts a pass, which loads those that the database does not know.
    """
    described = place.client("ecs").describe_task_definition(taskDefinition=ingestion.definition)["taskDefinition"]
    environment = {each["name"]: each["value"] for each in described["containerDefinitions"][0]["environment"]}
    address = environment.get(_MANIFEST, "")
    if address.startswith("s3://"):
        bucket, _, key = address.removeprefix("s3://").partition("/")
        place.client("s3").delete_object(Bucket=bucket, Key=key)
        say(f"{address} is deleted: the next look at the files has them loaded that the restored data lack")
