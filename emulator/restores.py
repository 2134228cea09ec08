"""RDS's own actions for restoring: to a moment, into a server beside; new names for servers; what can be restored."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ministack.core.concurrency import spawn_background
from ministack.services import rds

from emulator import addresses, postgres, recorded
from emulator.database import addressed, apply_parameters, set_password, snapshot_file, until_available

log = logging.getLogger("emulator")

Action = Callable[[dict[str, Any]], Any]
"""Takes the parameters of a request and gives its answer."""
_RESTORING = "_restoring"
"""In a record as long as the server of it has not its data yet."""


def install() -> None:
    """Add the actions that MiniStack has not, and repair those that it has."""
    rds._ACTION_MAP |= {
        "RestoreDBInstanceToPointInTime": _restore,
        "DescribeDBInstanceAutomatedBackups": _backups,
        "ModifyDBInstance": _modified(rds._ACTION_MAP["ModifyDBInstance"]),
        "DeleteDBInstance": _deleted(rds._ACTION_MAP["DeleteDBInstance"]),
    }
    _xml = rds._instance_xml
    rds._instance_xml = lambda record: _xml(
        {**record, "DBInstanceStatus": "creating"} if _RESTORING in record else record
    )


def _restore(p: dict[str, Any]) -> Any:
    """A new server with the data of another one: as they are now, since nothing here keeps what they were."""
    source, target = _source(p), rds._p(p, "TargetDBInstanceIdentifier")
    if source is None or not source.get("_docker_container_id"):
        return rds._error("DBInstanceNotFound", "There is no such source DB instance.", 404)
    if refusal := _refusal(source, target, p):
        return rds._error(*refusal, 400)
    made = {
        **{key: value for key, value in p.items() if key not in ("DBName", "RestoreTime", "UseLatestRestorableTime")},
        "DBInstanceIdentifier": target,
        "Engine": source["Engine"],
        "EngineVersion": source["EngineVersion"],
        "DBInstanceClass": rds._p(p, "DBInstanceClass") or source["DBInstanceClass"],
        "AllocatedStorage": str(source["AllocatedStorage"]),
        "StorageEncrypted": str(source["StorageEncrypted"]).lower(),
        "MasterUsername": source["MasterUsername"],
        "MasterUserPassword": source["_MasterUserPassword"],
    }
    answer = rds._create_db_instance(made)
    if target not in rds._instances:
        return answer
    instance = addressed(target)
    instance[_RESTORING] = True
    spawn_background(_fill, source, instance, thread_name="emulator-restore")
    recorded.note(
        "AWS::RDS::DBInstance (point in time)",
        "that an earlier moment comes back: it is as now",
        source["DBInstanceIdentifier"],
        target,
    )
    return rds._single_instance_response(
        "RestoreDBInstanceToPointInTimeResponse", "RestoreDBInstanceToPointInTimeResult", instance
    )


def _refusal(source: dict[str, Any], target: str, p: dict[str, Any]) -> tuple[str, str] | None:
    """Code and message of why a restore cannot be."""
    latest, moment = rds._p(p, "UseLatestRestorableTime") == "true", rds._p(p, "RestoreTime")
    if target in rds._instances:
        return "DBInstanceAlreadyExists", f"DB instance {target} already exists"
    if not source["BackupRetentionPeriod"]:
        return "PointInTimeRestoreNotEnabled", "Automated backups are not enabled."
    if latest == bool(moment):
        return "InvalidParameterCombination", "Give either RestoreTime or UseLatestRestorableTime."
    if moment and not _time(source["InstanceCreateTime"]) <= _time(moment) <= datetime.now(UTC):
        return "InvalidParameterValue", "The specified time is not in the restore window."
    return None


def _source(p: dict[str, Any]) -> dict[str, Any] | None:
    found: dict[str, Any] | None = rds._resolve_instance(
        rds._p(p, "SourceDBInstanceIdentifier") or rds._p(p, "SourceDbiResourceId")
    )
    return found


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _fill(source: dict[str, Any], instance: dict[str, Any]) -> None:
    """Copy the data. What is restored brings its own owner, roles and passwords."""
    name = instance["DBInstanceIdentifier"]
    try:
        path = snapshot_file(f"restored-{name}")
        postgres.dump(source, path)
        until_available(name)
        postgres.load(instance, path)
        path.unlink()
        instance["DBName"] = source["DBName"]
        apply_parameters(instance)
    except (ValueError, postgres.PostgresError):
        log.exception("the restore of %s", name)
        instance["DBInstanceStatus"] = "incompatible-restore"
    finally:
        instance.pop(_RESTORING)


def _backups(p: dict[str, Any]) -> Any:
    wanted = rds._p(p, "DBInstanceIdentifier") or rds._p(p, "DbiResourceId")
    records = [rds._resolve_instance(wanted)] if wanted else list(rds._instances.values())
    members = "".join(
        f"""<DBInstanceAutomatedBackup>
            <DBInstanceIdentifier>{record["DBInstanceIdentifier"]}</DBInstanceIdentifier>
            <DbiResourceId>{record["DbiResourceId"]}</DbiResourceId>
            <Status>active</Status>
            <BackupRetentionPeriod>{record["BackupRetentionPeriod"]}</BackupRetentionPeriod>
            <RestoreWindow>
                <EarliestTime>{record["InstanceCreateTime"]}</EarliestTime>
                <LatestTime>{rds._format_time(time.time())}</LatestTime>
            </RestoreWindow>
        </DBInstanceAutomatedBackup>"""
        for record in records
        if record and record["BackupRetentionPeriod"]
    )
    return rds._xml(
        200,
        "DescribeDBInstanceAutomatedBackupsResponse",
        "<DescribeDBInstanceAutomatedBackupsResult><DBInstanceAutomatedBackups>"
        f"{members}</DBInstanceAutomatedBackups></DescribeDBInstanceAutomatedBackupsResult>",
    )


def _modified(modify: Action) -> Action:
    """A password that the server then has, a name that its address follows, and what MiniStack forgets."""

    def repaired(p: dict[str, Any]) -> Any:
        instance = rds._resolve_instance(rds._p(p, "DBInstanceIdentifier"))
        if instance is None or not instance.get("_docker_container_id"):
            return modify(p)
        if instance["DBInstanceStatus"] != "available" or _RESTORING in instance:
            message = f"Instance {instance['DBInstanceIdentifier']} is not in available state."
            return rds._error("InvalidDBInstanceState", message, 400)
        name = rds._p(p, "NewDBInstanceIdentifier").lower()
        if name in rds._instances:
            return rds._error("DBInstanceAlreadyExists", f"DB instance {name} already exists", 400)
        if password := rds._p(p, "MasterUserPassword"):
            set_password(instance, password)
        if shown := rds._p(p, "EnablePerformanceInsights"):
            instance["PerformanceInsightsEnabled"] = shown == "true"
            instance["PerformanceInsightsRetentionPeriod"] = int(rds._p(p, "PerformanceInsightsRetentionPeriod") or 7)
        answer = modify({key: value for key, value in p.items() if key != "MasterUserPassword"})
        if name and rds._p(p, "ApplyImmediately") == "true":
            instance["DBInstanceStatus"] = "renaming"
            spawn_background(_rename, instance, name, thread_name="emulator-rename")
        return answer

    return repaired


def _rename(instance: dict[str, Any], name: str) -> None:
    before = instance["DBInstanceIdentifier"]
    address = postgres.move(instance, name)
    del rds._instances[before]
    arn = instance["DBInstanceArn"]
    instance["DBInstanceIdentifier"] = name
    instance["DBInstanceArn"] = arn.removesuffix(before) + name
    instance["Endpoint"] = {**instance["Endpoint"], "Address": address}
    if arn in rds._tags:
        rds._tags[instance["DBInstanceArn"]] = rds._tags.pop(arn)
    for replica in instance["ReadReplicaDBInstanceIdentifiers"]:  # it follows the server, not the name
        rds._instances[replica] |= {"ReadReplicaSourceDBInstanceIdentifier": name, "Endpoint": instance["Endpoint"]}
    rds._instances[name] = instance
    instance["DBInstanceStatus"] = "available"


def _deleted(delete: Action) -> Action:
    """The last snapshot first, as long as there is something to copy; then the server, and addresses without one."""

    def repaired(p: dict[str, Any]) -> Any:
        instance = rds._resolve_instance(rds._p(p, "DBInstanceIdentifier"))
        snapshot = rds._p(p, "FinalDBSnapshotIdentifier")
        if instance and snapshot and not instance.get("DeletionProtection"):
            rds._create_snapshot_internal(snapshot, instance)
            p = {
                **{key: value for key, value in p.items() if key != "FinalDBSnapshotIdentifier"},
                "SkipFinalSnapshot": "true",
            }
        answer = delete(p)
        addresses.keep_only(set(rds._instances))
        return answer

    return repaired
