"""Restoring the database to a moment: into a server beside the one that lives, which is not touched."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deployment.events import Say
from deployment.moments import check_in, moment, stamp, window
from deployment.servers import (
    ASKED_TAG,
    LONGEST_NAME,
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
    until_gone,
)
from deployment.session import Place

_URL = "WINDSOCK_DATABASE_URL"

# What ModifyDBInstance takes and RestoreDBInstanceToPointInTime does not, by what describe_db_instances calls it.
_MODIFIED_LATER = {
    "PreferredMaintenanceWindow": "PreferredMaintenanceWindow",
    "MonitoringInterval": "MonitoringInterval",
    "PerformanceInsightsEnabled": "EnablePerformanceInsights",
    "DatabaseInsightsMode": "DatabaseInsightsMode",
}


@dataclass(frozen=True)
class Beside:
    """A restored server beside the one that lives."""

    identifier: str
    address: str
    live_address: str
    moment: str
    """Of what its data are; as text."""
    replicas: list[str]
    """Of the server that lives: they keep it from being switched over."""
    changed: bool


def request(live: Server, target: str, wanted: datetime | None, tag: Mapping[str, str]) -> dict[str, Any]:
    """What RDS is asked for, so that the new server is as the one that lives, and as CloudFormation left that.

    Without these, RDS would give it the default security group, parameters and one zone. IOPS and throughput are not
    among them: RDS refuses to be told them for small gp3 volumes, and gives the same ones by itself.
    """
    wish: dict[str, Any] = {
        "SourceDBInstanceIdentifier": live["DBInstanceIdentifier"],
        "TargetDBInstanceIdentifier": target,
        "DBInstanceClass": live["DBInstanceClass"],
        "Port": live["Endpoint"]["Port"],
        "DBSubnetGroupName": live["DBSubnetGroup"]["DBSubnetGroupName"],
        "VpcSecurityGroupIds": [group["VpcSecurityGroupId"] for group in live["VpcSecurityGroups"]],
        "DBParameterGroupName": live["DBParameterGroups"][0]["DBParameterGroupName"],
        "MultiAZ": live["MultiAZ"],
        "PubliclyAccessible": live["PubliclyAccessible"],
        "AutoMinorVersionUpgrade": live["AutoMinorVersionUpgrade"],
        "StorageType": live["StorageType"],
        "EnableIAMDatabaseAuthentication": live["IAMDatabaseAuthenticationEnabled"],
        "CACertificateIdentifier": live["CACertificateIdentifier"],
        "BackupRetentionPeriod": live["BackupRetentionPeriod"],
        "PreferredBackupWindow": live["PreferredBackupWindow"],
        "CopyTagsToSnapshot": live["CopyTagsToSnapshot"],
        "DeletionProtection": live["DeletionProtection"],
        "Tags": [{"Key": key, "Value": value} for key, value in {**_own_tags(live), **tag}.items()],
    }
    for name in ("MaxAllocatedStorage", "EngineLifecycleSupport"):
        if live.get(name):
            wish[name] = live[name]
    if live.get("EnabledCloudwatchLogsExports"):
        wish["EnableCloudwatchLogsExports"] = live["EnabledCloudwatchLogsExports"]
    return wish | ({"RestoreTime": wanted} if wanted else {"UseLatestRestorableTime": True})


def _own_tags(live: Server) -> dict[str, str]:
    """Without those of CloudFormation, which nobody else may set."""
    return {key: value for key, value in tags(live).items() if not key.startswith("aws:")}


def modification(live: Server, restored: Server) -> dict[str, Any]:
    """What has to be changed of a restored server afterwards, so that it is as the one that lives."""
    wish = {
        parameter: live[name]
        for name, parameter in _MODIFIED_LATER.items()
        if name in live and live[name] != restored.get(name)
    }
    if wish.get("MonitoringInterval"):
        wish["MonitoringRoleArn"] = live["MonitoringRoleArn"]
    if wish.get("EnablePerformanceInsights") or wish.get("DatabaseInsightsMode") == "advanced":
        # The mode is refused without the figures, and these without the months that the mode keeps them.
        wish |= {"EnablePerformanceInsights": True}
        wish |= {"PerformanceInsightsRetentionPeriod": live["PerformanceInsightsRetentionPeriod"]}
    return wish


def beside(place: Place, identifier: str, to: str, secret: str, say: Say, deadline_s: float) -> Beside:
    """Have a server with the data of a moment beside the one that lives.

    One that is there already is gone on with: nothing is restored again.

    Args:
        place: The account and region.
        identifier: The name of the server that lives.
        to: The moment, as it was typed.
        secret: The ARN of the owner's secret. The moment may be before a rotation, and the password with it.
        say: Shows a line.
        deadline_s: How long RDS may take for each of its steps.

    Raises:
        RestoreError: It cannot be, or did not work.
    """
    now, rds = datetime.now(UTC), place.client("rds")
    wanted = moment(to, now)
    found = look(rds, identifier)
    live = _living(found, place)
    restored = found.restored
    if restored is None:
        restored = _restored(rds, live, wanted, to, now, say)
    else:
        _check_same(restored, to if wanted is None else stamp(wanted))
        say(f"{restored['DBInstanceIdentifier']} is there already, of {tags(restored)[MOMENT_TAG]}: going on with it")
    restored = until(rds, restored["DbiResourceId"], lambda _: True, say, deadline_s, "restored")
    settle(place, live, restored, secret, say, deadline_s)
    return Beside(
        restored["DBInstanceIdentifier"],
        restored["Endpoint"]["Address"],
        live["Endpoint"]["Address"],
        tags(restored)[MOMENT_TAG],
        list(live.get("ReadReplicaDBInstanceIdentifiers", [])),
        changed=found.restored is None,
    )


def foreseen(place: Place, identifier: str, to: str) -> bool:
    """Whether `beside` would restore, all that it would refuse included. Changes nothing."""
    now, rds = datetime.now(UTC), place.client("rds")
    wanted = moment(to, now)
    found = look(rds, identifier)
    live = _living(found, place)
    if found.restored is not None:
        _check_same(found.restored, to if wanted is None else stamp(wanted))
        return False
    check_in(window(rds, live), wanted)
    return True


def settle(place: Place, live: Server, restored: Server, secret: str, say: Say, deadline_s: float) -> None:
    """Give a restored server the owner's password of today, and what else the one that lives has."""
    rds, name = place.client("rds"), restored["DBInstanceIdentifier"]
    text = place.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"]
    wish = modification(live, restored)
    say(f"{name} is given the owner's password of today{', ' if wish else ''}{', '.join(sorted(wish))}")
    wish["MasterUserPassword"] = json.loads(text)["password"]
    modify(rds, restored["DbiResourceId"], wish, say, deadline_s)
    until(rds, restored["DbiResourceId"], lambda _: True, say, deadline_s, "changed")


def discard(place: Place, identifier: str, say: Say, deadline_s: float) -> str:
    """Delete the restored server, without a snapshot: it is a copy.

    Returns:
        Its name; empty where there was none.

    Raises:
        RestoreError: It is not certain that it is a copy.
    """
    rds = place.client("rds")
    found = look(rds, identifier)
    if found.restored is None:
        return ""
    name = found.restored["DBInstanceIdentifier"]
    _living(found, place)
    _check_ours(found.restored)
    if found.restored["DeletionProtection"]:
        modify(rds, found.restored["DbiResourceId"], {"DeletionProtection": False}, say, deadline_s)
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True, DeleteAutomatedBackups=True)
    say(f"{name} is being deleted")
    until_gone(rds, found.restored["DbiResourceId"], say, deadline_s)
    return str(name)


def address_for(place: Place, definition: str, container: str, before: str, after: str) -> str:
    """The database's URL of a task definition, with another server's address in it.

    Raises:
        RestoreError: The definition names neither the server that lives nor any other.
    """
    described = place.client("ecs").describe_task_definition(taskDefinition=definition)["taskDefinition"]
    environment = next(each for each in described["containerDefinitions"] if each["name"] == container)["environment"]
    url = next((str(each["value"]) for each in environment if each["name"] == _URL), "")
    if f"@{before}:" not in url:
        raise RestoreError(
            f"The task definition {definition} has {_URL} {url!r}, and the database is at {before}: release this "
            f"deployment first, with playbooks/release.yml."
        )
    return url.replace(f"@{before}:", f"@{after}:")


def _living(found: Found, place: Place) -> Server:
    if found.live is not None:
        return found.live
    if found.half_switched:
        raise RestoreError(
            f"A switch was interrupted: nobody has the name {found.identifier}, and the API has no database. "
            f"-e switch=<the stacks' prefix> finishes it."
        )
    raise RestoreError(
        f"There is no server {found.identifier} in {place.region}. When it was deleted, its backups may still be "
        f"there: docs/restore.md says how to restore from them, under 'By the stack'."
    )


def _restored(rds: Any, live: Server, wanted: datetime | None, to: str, now: datetime, say: Say) -> Server:
    identifier = live["DBInstanceIdentifier"]
    target = identifier + RESTORED
    name_before(identifier, now)  # the longer of the two: a name that is too long is said now, not at the switch
    assert len(target) <= LONGEST_NAME
    if live["DBInstanceStatus"] in ("creating", "deleting"):
        raise RestoreError(f"The server {identifier} is {live['DBInstanceStatus']}: wait for its end")
    reach = window(rds, live)
    check_in(reach, wanted)
    tag = {ASKED_TAG: to if wanted is None else stamp(wanted), MOMENT_TAG: stamp(wanted or reach.latest)}
    say(f"{identifier} is restored into {target}, to {tag[MOMENT_TAG]}; backups reach {reach}")
    made: Server = rds.restore_db_instance_to_point_in_time(**request(live, target, wanted, tag))["DBInstance"]
    return made


def _check_ours(restored: Server) -> None:
    if MOMENT_TAG not in tags(restored):
        raise RestoreError(
            f"There is a server {restored['DBInstanceIdentifier']} that this playbook has not made (it has no tag "
            f"{MOMENT_TAG}): rename it or delete it first."
        )


def _check_same(restored: Server, asked: str) -> None:
    _check_ours(restored)
    has = tags(restored)
    if asked not in (has[ASKED_TAG], has[MOMENT_TAG]):
        raise RestoreError(
            f"{restored['DBInstanceIdentifier']} is there already, of {has[MOMENT_TAG]}, and {asked} was asked for. "
            f"Delete it first: -e discard=true; or go on with it: -e to={has[ASKED_TAG]}"
        )
