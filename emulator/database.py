"""RDS: a database server in a template is a real PostgreSQL in a container, with its data, snapshots and parameters."""

from __future__ import annotations

import copy
import time
from typing import Any

from ministack.services import rds
from ministack.services.cloudformation import provisioners

from emulator import addresses, postgres, recorded
from emulator.account import INSTANCE_CLASSES
from emulator.cloudformation import HANDLERS, Made, Properties, Update, boolean, client, name_for, off_loop
from emulator.settings import folder

_KIND = "AWS::RDS::DBInstance"
_PARAMETERS = "AWS::RDS::DBParameterGroup"
_READY_WAIT_S = 180.0
_NOT_ACTED_OUT = {
    "BackupRetentionPeriod": "that the server is backed up daily; snapshots that are asked for are made",
    "EnableCloudwatchLogsExports": "that the server's log is in CloudWatch",
    "EnablePerformanceInsights": "that the server's load is shown",
    "MonitoringInterval": "that the operating system's figures are shown",
    "MultiAZ": "that a standby takes over",
    "StorageEncrypted": "that the server's disk is encrypted",
}
_RESTORED_FROM = ("DBSnapshotIdentifier", "SourceDbiResourceId")


def install() -> None:
    """Repair the type, its snapshots and its parameters."""
    HANDLERS[_KIND] |= {
        "create": _create,
        "delete": _delete,
        "snapshot": _snapshot,
        "update": _changed(HANDLERS[_KIND]["update"]),
    }
    # The update handler replaces by these names.
    provisioners._rds_db_instance_create, provisioners._rds_db_instance_delete = _create, _delete
    off_loop(_KIND)
    HANDLERS[_PARAMETERS]["update"] = _applied(HANDLERS[_PARAMETERS]["update"])
    off_loop(_PARAMETERS)
    _internal = rds._create_snapshot_internal

    def with_data(identifier: str, instance: dict[str, Any]) -> Any:
        if instance.get("_docker_container_id"):
            postgres.dump(instance, snapshot_file(identifier))
        return _internal(identifier, instance)

    rds._create_snapshot_internal = with_data


def _create(logical_id: str, properties: Properties, stack: str) -> Made:
    """Through the API of RDS, which starts a server: MiniStack's templates only write one down."""
    name = properties.get("DBInstanceIdentifier") or name_for(stack, logical_id, lower=True, length=63)
    _refuse_unknown_class(properties)
    if properties.get("SourceDBInstanceIdentifier"):
        return _replica(name, properties, stack, logical_id)
    if any(properties.get(key) for key in _RESTORED_FROM):
        instance = _restore(name, properties, stack, logical_id)
    else:
        instance = _start(name, properties, str(properties["MasterUsername"]), str(properties.get("DBName", "")))
    instance.update(provisioners._rds_db_instance_fields(properties))
    instance["StorageEncrypted"] = boolean(properties.get("StorageEncrypted", False))
    instance["TagList"] = [{"Key": tag["Key"], "Value": str(tag["Value"])} for tag in properties.get("Tags", [])]
    rds._tags[instance["DBInstanceArn"]] = instance["TagList"]
    apply_parameters(instance)
    for key, not_proved in _NOT_ACTED_OUT.items():
        if str(properties.get(key, "false")).lower() not in ("false", "0"):
            recorded.note(f"{_KIND} ({key})", not_proved, stack, logical_id)
    return name, provisioners._rds_db_instance_attrs(instance)


def _refuse_unknown_class(properties: Properties) -> None:
    if properties.get("DBInstanceClass") not in INSTANCE_CLASSES:
        raise ValueError(
            f"Invalid DB Instance class: {properties.get('DBInstanceClass')} (Service: Rds, Status Code: 400)"
        )


def _start(name: str, properties: Properties, user: str, database: str) -> dict[str, Any]:
    postgres.fetch_image(str(properties["EngineVersion"]))
    options = {
        key: str(properties[key])
        for key in ("EngineVersion", "DBSubnetGroupName", "DBParameterGroupName", "StorageType")
        if properties.get(key)
    }
    if database:
        options["DBName"] = database
    client("rds").create_db_instance(
        DBInstanceIdentifier=name,
        Engine=properties["Engine"],
        DBInstanceClass=properties["DBInstanceClass"],
        AllocatedStorage=int(properties["AllocatedStorage"]),
        MasterUsername=user,
        MasterUserPassword=properties["MasterUserPassword"],
        VpcSecurityGroupIds=properties.get("VPCSecurityGroups", []),
        **options,
    )
    return until_available(name)


def addressed(name: str) -> dict[str, Any]:
    """A server that was just made, with what clients are told of it: the address of its name."""
    instance: dict[str, Any] = rds._instances[name]
    if instance.get("_docker_container_id"):
        instance["Endpoint"] = {**instance["Endpoint"], "Address": addresses.of(name)}
    instance.pop("LatestRestorableTime", None)  # MiniStack then says: now
    return instance


def until_available(name: str) -> dict[str, Any]:
    """Wait until a server that was just made takes connections, and give its record.

    Raises:
        ValueError: It has no container, or does not answer; it is gone then.
    """
    instance = addressed(name)
    if not instance.get("_docker_container_id"):
        del rds._instances[name]
        raise ValueError(f"The server {name} has no container: {postgres.why_not_started(name)}")
    until = time.monotonic() + _READY_WAIT_S
    while instance["DBInstanceStatus"] != "available":
        said = postgres.ended(instance)
        if said is not None or instance["DBInstanceStatus"] == "failed" or time.monotonic() > until:
            status = instance["DBInstanceStatus"]
            client("rds").delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
            raise ValueError(f"The server {name} did not become available (it is {status}): {said or 'no answer'}")
        time.sleep(0.2)
    return instance


def _replica(name: str, properties: Properties, stack: str, logical_id: str) -> Made:
    """A replica without a server of its own: it has the primary's address, so that what reads there works."""
    source = properties["SourceDBInstanceIdentifier"].split(":")[-1]
    client("rds").create_db_instance_read_replica(
        DBInstanceIdentifier=name,
        SourceDBInstanceIdentifier=source,
        DBInstanceClass=properties["DBInstanceClass"],
    )
    instance = rds._instances[name]
    instance["Endpoint"] = copy.deepcopy(rds._instances[source]["Endpoint"])
    recorded.note(f"{_KIND} (replica)", "that a replica follows: reads go to the primary", stack, logical_id)
    return name, provisioners._rds_db_instance_attrs(instance)


def _restore(name: str, properties: Properties, stack: str, logical_id: str) -> dict[str, Any]:
    """A new server with the data of a snapshot, or of another server as it is now."""
    if identifier := properties.get("DBSnapshotIdentifier"):
        identifier = str(identifier).split(":snapshot:")[-1]
        source = rds._snapshots.get(identifier)
        if source is None or not snapshot_file(identifier).exists():
            raise ValueError(f"DBSnapshot not found: {identifier} (Service: Rds, Status Code: 404)")
        path = snapshot_file(identifier)
    else:
        wanted = properties["SourceDbiResourceId"]
        source = next((each for each in rds._instances.values() if each["DbiResourceId"] == wanted), None)
        if source is None or not source.get("_docker_container_id"):
            raise ValueError(f"There is no server {wanted} to restore from (Service: Rds, Status Code: 404)")
        path = snapshot_file(f"restored-{name}")
        postgres.dump(source, path)
        recorded.note(f"{_KIND} (point in time)", "that an earlier moment comes back: it is as now", stack, logical_id)
    # What is restored brings its own owner; its databases come with the data.
    instance = _start(name, properties, source["MasterUsername"], "")
    instance["DBName"] = source["DBName"]
    postgres.load(instance, path)
    set_password(instance, str(properties["MasterUserPassword"]))
    return instance


def _changed(update: Update) -> Update:
    """A change of the record, which MiniStack makes, and of the server. Its data stay."""

    def repaired(name: str, before: Properties, now: Properties, stack: str, logical_id: str) -> Made:
        if now.get("DBInstanceClass") != before.get("DBInstanceClass"):
            _refuse_unknown_class(now)
        was, wanted = str(before.get("EngineVersion", "")), str(now.get("EngineVersion", ""))
        if was.split(".", maxsplit=1)[0] != wanted.split(".", maxsplit=1)[0]:
            if str(now.get("AllowMajorVersionUpgrade", False)).lower() != "true":
                raise ValueError(
                    "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version. "
                    "(Service: Rds, Status Code: 400)"
                )
            raise ValueError(f"The emulated RDS does not upgrade a server: PostgreSQL {was} to {wanted}")
        made = update(name, before, now, stack, logical_id)
        instance = rds._instances[made[0]]
        if source := now.get("SourceDBInstanceIdentifier"):
            instance["Endpoint"] = copy.deepcopy(rds._instances[source.split(":")[-1]]["Endpoint"])
            return made[0], provisioners._rds_db_instance_attrs(instance)
        if made[0] == name and instance.get("_docker_container_id"):
            if now.get("MasterUserPassword") != before.get("MasterUserPassword"):
                set_password(instance, str(now["MasterUserPassword"]))
            apply_parameters(instance)
        return made

    return repaired


def set_password(instance: dict[str, Any], password: str) -> None:
    """Give the master user a password."""
    escaped = password.replace("'", "''")
    # The server's log has statements that change roles, are slow or fail, and is no place for this one.
    unlogged = "SET log_statement = none; SET log_min_duration_statement = -1; SET log_min_error_statement = panic;"
    postgres.execute(instance, f"{unlogged} ALTER ROLE \"{instance['MasterUsername']}\" PASSWORD '{escaped}';")
    instance["_MasterUserPassword"] = password


def _applied(update: Update) -> Update:
    """Changed parameters of a group reach the servers that have it."""

    def repaired(name: str, before: Properties, now: Properties, stack: str, logical_id: str) -> Made:
        made = update(name, before, now, stack, logical_id)
        for instance in rds._instances.values():
            groups = [group["DBParameterGroupName"] for group in instance["DBParameterGroups"]]
            if made[0] in groups and instance.get("_docker_container_id"):
                apply_parameters(instance)
        return made

    return repaired


def apply_parameters(instance: dict[str, Any]) -> None:
    """Give a server what its parameter group asks for. RDS's own, such as `rds.force_ssl`, PostgreSQL does not know."""
    statements = ["ALTER SYSTEM RESET ALL;"]
    for group in instance["DBParameterGroups"]:
        stored = (rds._param_groups.get(group["DBParameterGroupName"]) or {}).get("Parameters", {})
        for name, parameter in stored.items():
            value = parameter.get("ParameterValue") if isinstance(parameter, dict) else parameter
            if "." not in name and value is not None:
                statements.append(f"ALTER SYSTEM SET {name} = '{str(value).replace(chr(39), chr(39) * 2)}';")
    postgres.execute(instance, "\n".join([*statements, "SELECT pg_reload_conf();"]))


def _snapshot(name: str, _properties: Properties) -> None:
    """The last snapshot, before a stack deletes a server. RDS makes none of one that it will not delete."""
    _refuse_protected(name)
    instance = rds._instances.get(name)
    if instance is not None:
        rds._create_snapshot_internal(provisioners._snapshot_id(name), instance)


def _delete(name: str, _properties: Properties) -> None:
    if name not in rds._instances:
        return
    _refuse_protected(name)
    client("rds").delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


def _refuse_protected(name: str) -> None:
    if (rds._instances.get(name) or {}).get("DeletionProtection"):
        raise ValueError(
            f"Cannot delete protected DB Instance, please disable deletion protection and try again: {name}"
        )


def snapshot_file(snapshot: str) -> Any:
    """Where the data of a snapshot are."""
    return folder() / "snapshots" / f"{snapshot}.sql.gz"
