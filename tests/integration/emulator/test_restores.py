"""RDS's restores to a moment and its renaming of servers: two real servers, and an address that follows the name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from tests.conftest import wait_until
from tests.integration.emulator.conftest import Emulator
from tests.integration.emulator.kit import USUAL, Stacks

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def server(emulator: Emulator) -> Iterator[str]:
    """The name of a server that a stack has made, with a table in it; the stack is deleted afterwards."""
    stacks = Stacks(emulator.place, "back")
    made = stacks.deploy("network", "storage", "database", chosen=USUAL)
    name = made["database"].outputs["DatabaseIdentifier"]
    with connect(emulator, name) as connection:
        connection.execute("CREATE TABLE told AS SELECT 'before' AS what")
    yield name
    emulator.client("cloudformation").delete_stack(StackName=stacks.name("database"))
    with pytest.raises(ClientError, match="does not exist"):
        emulator.until_done(stacks.name("database"))


def described(emulator: Emulator, name: str) -> dict[str, Any]:
    found: dict[str, Any] = emulator.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
    return found


def until_available(emulator: Emulator, name: str) -> None:
    def available() -> bool:
        there = [each["DBInstanceIdentifier"] for each in emulator.client("rds").describe_db_instances()["DBInstances"]]
        return name in there and described(emulator, name)["DBInstanceStatus"] == "available"

    wait_until(available, f"{name} is available", 120)


def connect(emulator: Emulator, name: str, address: str = "") -> psycopg.Connection[Any]:
    """As the owner, by TLS that is checked, at the address that a server has now or that is given."""
    stack = emulator.outputs("windsock-back-database")
    secret = emulator.client("secretsmanager").get_secret_value(SecretId=stack["OwnerSecretArn"])["SecretString"]
    return psycopg.connect(
        host=address or described(emulator, name)["Endpoint"]["Address"],
        dbname="windsock",
        user="windsock_owner",
        password=json.loads(secret)["password"],
        sslmode="verify-full",
        sslrootcert=str(emulator.folder / "ca.pem"),
        autocommit=True,
        connect_timeout=10,
    )


def told(emulator: Emulator, name: str, address: str = "") -> str:
    with connect(emulator, name, address) as connection:
        return str(connection.execute("SELECT what FROM told").fetchone()[0])  # type: ignore[index]


def test_a_restored_server_takes_the_name_and_the_address_of_the_one_that_it_replaces(
    emulator: Emulator, server: str
) -> None:
    rds, before = emulator.client("rds"), described(emulator, server)
    answer = rds.restore_db_instance_to_point_in_time(
        SourceDBInstanceIdentifier=server,
        TargetDBInstanceIdentifier=f"{server}-restored",
        UseLatestRestorableTime=True,
        DBSubnetGroupName=before["DBSubnetGroup"]["DBSubnetGroupName"],
        DBParameterGroupName=before["DBParameterGroups"][0]["DBParameterGroupName"],
        Tags=[{"Key": "Project", "Value": "windsock"}],
    )["DBInstance"]
    assert answer["DBInstanceStatus"] == "creating"
    assert answer["DBInstanceClass"] == before["DBInstanceClass"]
    assert answer["DbiResourceId"] != before["DbiResourceId"]
    until_available(emulator, f"{server}-restored")
    with connect(emulator, server) as connection:
        connection.execute("UPDATE told SET what = 'after'")
    assert told(emulator, f"{server}-restored") == "before"
    with connect(emulator, f"{server}-restored") as connection:
        assert connection.execute("SHOW log_min_duration_statement").fetchone() == ("1s",)

    address = before["Endpoint"]["Address"]
    with connect(emulator, server) as open_one:
        rds.modify_db_instance(
            DBInstanceIdentifier=server, NewDBInstanceIdentifier=f"{server}-old", ApplyImmediately=True
        )
        until_available(emulator, f"{server}-old")
        with pytest.raises(psycopg.OperationalError):
            open_one.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError):  # nobody has the name
        connect(emulator, "", address)
    with pytest.raises(ClientError, match="not found"):
        described(emulator, server)
    assert told(emulator, f"{server}-old") == "after"

    rds.modify_db_instance(
        DBInstanceIdentifier=f"{server}-restored", NewDBInstanceIdentifier=server, ApplyImmediately=True
    )
    until_available(emulator, server)
    assert described(emulator, server)["Endpoint"]["Address"] == address
    assert described(emulator, server)["DBInstanceArn"].endswith(f":db:{server}")
    assert described(emulator, server)["TagList"] == [{"Key": "Project", "Value": "windsock"}]
    assert told(emulator, "", address) == "before"

    rds.delete_db_instance(DBInstanceIdentifier=f"{server}-old", FinalDBSnapshotIdentifier=f"{server}-last")
    snapshots = rds.describe_db_snapshots(DBSnapshotIdentifier=f"{server}-last")["DBSnapshots"]
    assert snapshots[0]["Status"] == "available"
    assert told(emulator, "", address) == "before"


def test_a_name_that_another_server_has_is_refused(emulator: Emulator, server: str) -> None:
    with pytest.raises(ClientError, match="already exists"):
        emulator.client("rds").modify_db_instance(
            DBInstanceIdentifier=server, NewDBInstanceIdentifier=server, ApplyImmediately=True
        )


def test_only_a_moment_that_backups_reach_back_to_is_restored(emulator: Emulator, server: str) -> None:
    rds = emulator.client("rds")
    (backup,) = rds.describe_db_instance_automated_backups(DBInstanceIdentifier=server)["DBInstanceAutomatedBackups"]
    window = backup["RestoreWindow"]
    assert window["EarliestTime"] == described(emulator, server)["InstanceCreateTime"]
    assert datetime.now(UTC) - window["LatestTime"] < timedelta(minutes=1)
    for moment in (window["EarliestTime"] - timedelta(minutes=1), datetime.now(UTC) + timedelta(hours=1)):
        with pytest.raises(ClientError, match="not in the restore window"):
            rds.restore_db_instance_to_point_in_time(
                SourceDBInstanceIdentifier=server, TargetDBInstanceIdentifier=f"{server}-x", RestoreTime=moment
            )
    rds.modify_db_instance(DBInstanceIdentifier=server, BackupRetentionPeriod=0, ApplyImmediately=True)
    try:
        assert (
            rds.describe_db_instance_automated_backups(DBInstanceIdentifier=server)["DBInstanceAutomatedBackups"] == []
        )
        with pytest.raises(ClientError, match="backups are not enabled"):
            rds.restore_db_instance_to_point_in_time(
                SourceDBInstanceIdentifier=server,
                TargetDBInstanceIdentifier=f"{server}-x",
                UseLatestRestorableTime=True,
            )
    finally:
        rds.modify_db_instance(DBInstanceIdentifier=server, BackupRetentionPeriod=7, ApplyImmediately=True)


def test_a_password_that_is_set_is_the_one_that_is_asked_for(emulator: Emulator, server: str) -> None:
    rds = emulator.client("rds")
    stack = emulator.outputs("windsock-back-database")
    secret = emulator.client("secretsmanager").get_secret_value(SecretId=stack["OwnerSecretArn"])["SecretString"]
    rds.modify_db_instance(DBInstanceIdentifier=server, MasterUserPassword="another-one", ApplyImmediately=True)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(emulator, server)
    password = json.loads(secret)["password"]
    rds.modify_db_instance(DBInstanceIdentifier=server, MasterUserPassword=password, ApplyImmediately=True)
    connect(emulator, server).close()
