"""How a deployment is: its stacks, its service, its database, its alarms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from deployment import stack
from deployment.session import Place
from deployment.stacks import Deployment

_GIB = 1 << 30
_FREE_SPACE_MINUTES = 30


@dataclass(frozen=True)
class Service:
    """The API's service."""

    wanted: int
    running: int
    pending: int
    images: tuple[str, ...]
    """The tags of the images that its tasks run: two of them while a release goes on."""
    release: str
    """The state of the newest release, in ECS's words; empty where there was none."""


@dataclass(frozen=True)
class Database:
    """The database server."""

    name: str
    status: str
    instance_class: str
    zones: int
    allocated_gib: int
    used_gib: float | None
    """None where CloudWatch has no figure of the last half hour."""
    backup_days: int
    restorable_until: str
    """The latest moment that can be restored, in UTC; empty where there is no backup yet."""
    backup_age_minutes: int | None


@dataclass(frozen=True)
class Alarm:
    """An alarm that is on."""

    name: str
    since: str
    reason: str


def stacks(these: Deployment) -> dict[str, str]:
    """The status of each stack; `none` for one that does not exist."""
    found = {}
    for which in these.kit.wiring:
        described = stack.described_stack(these.client(which), these.name(which))
        found[which] = "none" if described is None else str(described["StackStatus"])
    return found


def service(place: Place, cluster: str, name: str) -> Service | None:
    """The state of an ECS service; None where there is none."""
    ecs = place.client("ecs")
    found = [
        each
        for each in ecs.describe_services(cluster=cluster, services=[name])["services"]
        if each["status"] == "ACTIVE"
    ]
    if not found:
        return None
    tasks = ecs.list_tasks(cluster=cluster, serviceName=name)["taskArns"]
    described = ecs.describe_tasks(cluster=cluster, tasks=tasks)["tasks"] if tasks else []
    images = {
        container["image"].rpartition(":")[2]
        for task in described
        for container in task["containers"]
        if container["name"] == "api"
    }
    releases = ecs.list_service_deployments(cluster=cluster, service=name)["serviceDeployments"]
    newest = max(releases, key=lambda each: each["createdAt"], default=None)
    return Service(
        wanted=found[0]["desiredCount"],
        running=found[0]["runningCount"],
        pending=found[0]["pendingCount"],
        images=tuple(sorted(images)),
        release=newest["status"] if newest else "",
    )


def database(place: Place, name: str, now: datetime) -> Database:
    """The state of a database server, and how old its newest backup is."""
    [found] = place.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    until = found.get("LatestRestorableTime")
    free = _free_bytes(place, name, now)
    allocated = int(found["AllocatedStorage"])
    return Database(
        name=name,
        status=found["DBInstanceStatus"],
        instance_class=found["DBInstanceClass"],
        zones=2 if found.get("MultiAZ") else 1,
        allocated_gib=allocated,
        used_gib=None if free is None else round(allocated - free / _GIB, 1),
        backup_days=int(found.get("BackupRetentionPeriod", 0)),
        restorable_until=f"{until.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if until else "",
        backup_age_minutes=int((now - until).total_seconds() // 60) if until else None,
    )


def alarms(place: Place, prefix: str) -> list[Alarm]:
    """The alarms of a deployment that are on, the newest first."""
    pages = place.client("cloudwatch").get_paginator("describe_alarms").paginate(StateValue="ALARM")
    found = [alarm for page in pages for alarm in page["MetricAlarms"] if alarm["AlarmName"].startswith(f"{prefix}-")]
    found.sort(key=lambda alarm: alarm["StateUpdatedTimestamp"], reverse=True)
    return [
        Alarm(
            alarm["AlarmName"],
            f"{alarm['StateUpdatedTimestamp'].astimezone(UTC):%Y-%m-%d %H:%M} UTC",
            alarm.get("AlarmDescription") or alarm.get("StateReason", ""),
        )
        for alarm in found
    ]


def running(place: Place, cluster: str, families: Iterable[str]) -> Mapping[str, int]:
    """How many tasks of some families run."""
    ecs = place.client("ecs")
    return {
        family: len(ecs.list_tasks(cluster=cluster, family=family, desiredStatus="RUNNING")["taskArns"])
        for family in families
    }


def _free_bytes(place: Place, name: str, now: datetime) -> float | None:
    """What CloudWatch last noted of the server's free storage."""
    answer: dict[str, Any] = place.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/RDS",
        MetricName="FreeStorageSpace",
        Dimensions=[{"Name": "DBInstanceIdentifier", "Value": name}],
        StartTime=now - timedelta(minutes=_FREE_SPACE_MINUTES),
        EndTime=now,
        Period=300,
        Statistics=["Average"],
    )
    points = sorted(answer["Datapoints"], key=lambda point: point["Timestamp"])
    return float(points[-1]["Average"]) if points else None
