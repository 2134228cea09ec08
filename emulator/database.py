"""RDS: a database server in a template is a real PostgreSQL in a container, with TLS that can be checked."""

from __future__ import annotations

import copy
import time
from typing import Any

from ministack.services import rds
from ministack.services.cloudformation import provisioners

from emulator.account import INSTANCE_CLASSES
from emulator.cloudformation import HANDLERS, Made, Properties, boolean, client, name_for, off_loop
from emulator.settings import LABEL, folder, port

_KIND = "AWS::RDS::DBInstance"
_READY_WAIT_S = 180.0
_TLS_FOLDER = "/ministack-rds-tls"
_INITDB = "--encoding=UTF8 --locale-provider=builtin --locale=C.UTF-8"


def install() -> None:
    """Repair the type, and what starts the containers; leave the authority's certificate for the clients."""
    HANDLERS[_KIND] |= {"create": _create, "delete": _delete}
    # The update handler replaces by these names.
    provisioners._rds_db_instance_create, provisioners._rds_db_instance_delete = _create, _delete
    off_loop(_KIND)
    rds._docker_image_for_engine = _image
    rds._run_rds_container = _run
    (folder() / "ca.pem").write_text(rds.pg_ca_cert_pem(), encoding="ascii")


def _create(logical_id: str, properties: Properties, stack: str) -> Made:
    """Through the API of RDS, which starts a server: MiniStack's templates only write one down."""
    name = properties.get("DBInstanceIdentifier") or name_for(stack, logical_id, lower=True, length=63)
    if properties["DBInstanceClass"] not in INSTANCE_CLASSES:
        raise ValueError(f"Invalid DB Instance class: {properties['DBInstanceClass']}")
    if properties.get("SourceDBInstanceIdentifier"):
        return _replica(name, properties)
    options = {
        key: str(properties[key])
        for key in ("EngineVersion", "DBName", "DBSubnetGroupName", "DBParameterGroupName", "StorageType")
        if properties.get(key)
    }
    client("rds").create_db_instance(
        DBInstanceIdentifier=name,
        Engine=properties["Engine"],
        DBInstanceClass=properties["DBInstanceClass"],
        AllocatedStorage=int(properties["AllocatedStorage"]),
        MasterUsername=properties["MasterUsername"],
        MasterUserPassword=properties["MasterUserPassword"],
        VpcSecurityGroupIds=properties.get("VPCSecurityGroups", []),
        **options,
    )
    instance = _until_available(name)
    instance.update(provisioners._rds_db_instance_fields(properties))
    instance["StorageEncrypted"] = boolean(properties.get("StorageEncrypted", False))
    instance["TagList"] = [{"Key": tag["Key"], "Value": str(tag["Value"])} for tag in properties.get("Tags", [])]
    return name, provisioners._rds_db_instance_attrs(instance)


def _replica(name: str, properties: Properties) -> Made:
    """A replica without a server of its own: it has the primary's address, so that what reads there works."""
    source = properties["SourceDBInstanceIdentifier"].split(":")[-1]
    client("rds").create_db_instance_read_replica(
        DBInstanceIdentifier=name,
        SourceDBInstanceIdentifier=source,
        DBInstanceClass=properties["DBInstanceClass"],
    )
    instance = rds._instances[name]
    instance["Endpoint"] = copy.deepcopy(rds._instances[source]["Endpoint"])
    instance["DBInstanceStatus"] = "available"
    return name, provisioners._rds_db_instance_attrs(instance)


def _until_available(name: str) -> dict[str, Any]:
    instance: dict[str, Any] = rds._instances[name]
    until = time.monotonic() + _READY_WAIT_S
    while instance["DBInstanceStatus"] != "available":
        if instance["DBInstanceStatus"] == "failed" or time.monotonic() > until:
            raise ValueError(f"The server {name} is {instance['DBInstanceStatus']}: see the emulator's log")
        time.sleep(0.2)
    if not instance.get("_docker_container_id"):
        raise ValueError(f"The server {name} has no container: is Docker running, and is the image there?")
    return instance


def _delete(name: str, _properties: Properties) -> None:
    instance = rds._instances.get(name)
    if instance is None:
        return
    if instance.get("DeletionProtection"):
        raise ValueError(
            f"Cannot delete protected DB Instance, please disable deletion protection and try again: {name}"
        )
    client("rds").delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


def _image(_engine: str, version: str, user: str, password: str, database: str) -> tuple[str, dict[str, str], int, str]:
    """The image of Compose, where MiniStack has Alpine's; with UTF-8, which RDS has."""
    environment = {
        "POSTGRES_USER": user,
        "POSTGRES_PASSWORD": password,
        "POSTGRES_DB": database,
        "POSTGRES_INITDB_ARGS": _INITDB,
    }
    major = int(version.split(".")[0])
    data = "/var/lib/postgresql" if major >= 18 else "/var/lib/postgresql/data"  # where the image has its volume
    return f"postgres:{major}-trixie", environment, 5432, data


def _run(docker: Any, _engine: str, options: dict[str, Any], tls_names: Any = (), tls_ips: Any = ()) -> Any:  # noqa: ARG001
    """Start a server whose certificate is for the address that it gets.

    The address is what clients are told, and `verify-full` compares it with the certificate; it is known only when the
    container runs. So the server waits for its certificate.
    """
    options = dict(options)
    command = list(options.get("command") or ["postgres"])
    command += [
        "-c", "ssl=on",
        "-c", f"ssl_cert_file={_TLS_FOLDER}/server.crt",
        "-c", f"ssl_key_file={_TLS_FOLDER}/server.key",
        "-c", "timezone=UTC",
    ]  # fmt: skip
    wait = (
        f"until [ -s {_TLS_FOLDER}/server.key ]; do sleep 0.05; done; "
        f'chown -R postgres:postgres {_TLS_FOLDER} && exec docker-entrypoint.sh "$@"'
    )
    options |= {"user": "0:0", "entrypoint": ["sh", "-c", wait, "server"], "command": command}
    options["labels"] = {**options.get("labels", {}), LABEL: str(port())}
    container = docker.containers.create(**options)
    try:
        container.start()
        container.reload()
        networks = container.attrs["NetworkSettings"]["Networks"].values()
        addresses = [network["IPAddress"] for network in networks if network["IPAddress"]]
        certificate, key = rds._pg_server_material(["localhost"], [*addresses, "127.0.0.1"])
        if not container.put_archive("/", rds._pg_tls_archive(certificate, key)):
            raise RuntimeError("Docker refused the certificate of the server")
    except Exception:
        container.remove(force=True)
        raise
    return container
