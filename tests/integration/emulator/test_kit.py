"""The project's own templates on the emulated AWS, in the order of their wiring, with a real database."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from database import roles
from deployment.stack import StackError
from tests.integration.emulator.conftest import Emulator, emulate
from tests.integration.emulator.kit import USUAL, Stacks
from tests.integration.emulator.task_templates import IMAGE

pytestmark = pytest.mark.docker

ALL = ("network", "storage", "registry", "database", "cluster", "edge", "monitoring", "ingestion", "pipeline")


@pytest.fixture(scope="module")
def kit(emulator: Emulator) -> Stacks:
    """All stacks but that of the API's service, which needs an image."""
    stacks = Stacks(emulator.place, "try")
    stacks.deploy(*ALL)
    return stacks


def outputs(emulator: Emulator, kit: Stacks, which: str) -> dict[str, str]:
    return emulator.outputs(kit.name(which))


def login(emulator: Emulator, kit: Stacks, which: str = "Owner") -> dict[str, Any]:
    """What a secret of the database holds."""
    arn = outputs(emulator, kit, "database")[f"{which}SecretArn"]
    found: dict[str, Any] = json.loads(emulator.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"])
    return found


def connect(emulator: Emulator, kit: Stacks, **options: Any) -> psycopg.Connection[Any]:
    secret = login(emulator, kit)
    return psycopg.connect(
        host=secret["host"],
        port=secret["port"],
        dbname=secret["dbname"],
        user=secret["username"],
        password=secret["password"],
        autocommit=True,
        **{"sslmode": "verify-full", "sslrootcert": str(emulator.folder / "ca.pem"), **options},
    )


def test_every_stack_is_made_whole(emulator: Emulator, kit: Stacks) -> None:
    for which in ALL:
        name = kit.name(which)
        made = emulator.client("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
        assert all(each["ResourceStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE") for each in made)
        assert all(each.get("PhysicalResourceId") for each in made)
        assert not [each for each in outputs(emulator, kit, which).values() if "${" in each or "None" in each]


def test_a_second_deployment_changes_nothing(kit: Stacks) -> None:
    assert [name for name, outcome in kit.deploy(*ALL).items() if outcome.changes] == []


def test_a_secret_knows_its_database_and_has_no_letter_that_it_must_not(emulator: Emulator, kit: Stacks) -> None:
    address = outputs(emulator, kit, "database")["DatabaseAddress"]
    for which, role in (("Owner", roles.OWNER), ("Worker", roles.WORKER), ("Api", roles.API)):
        secret = login(emulator, kit, which)
        password = secret.pop("password")
        assert len(password) >= 30
        assert not set(password) & set("/@\"'\\ `")
        assert secret == {"username": role, "engine": "postgres", "host": address, "port": 5432, "dbname": "windsock"}


def test_the_database_is_reached_by_tls_that_is_checked(emulator: Emulator, kit: Stacks) -> None:
    with connect(emulator, kit) as connection:
        assert connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone() == (True,)
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        assert connection.execute("SHOW log_min_duration_statement").fetchone() == ("1s",)


def test_the_database_is_not_reached_without_tls(emulator: Emulator, kit: Stacks) -> None:
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        connect(emulator, kit, sslmode="disable", sslrootcert="")


def test_the_database_is_not_taken_for_one_of_another_authority(
    emulator: Emulator, kit: Stacks, tmp_path: Path
) -> None:
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=other"
    subprocess.run(
        [*command.split(), "-keyout", tmp_path / "key", "-out", tmp_path / "pem"], check=True, capture_output=True
    )
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        connect(emulator, kit, sslrootcert=str(tmp_path / "pem"))


HANDSHAKE = """
import socket, ssl, sys
with socket.create_connection((sys.argv[1], 5432), timeout=10) as plain:
    plain.sendall(bytes.fromhex("0000000804d2162f"))
    assert plain.recv(1) == b"S"
    checked = ssl.create_default_context(cadata=sys.stdin.read())
    print(checked.wrap_socket(plain, server_hostname=sys.argv[1]).version())
"""


def test_a_container_reaches_the_database_by_tls_that_is_checked(emulator: Emulator, kit: Stacks) -> None:
    address = outputs(emulator, kit, "database")["DatabaseAddress"]
    seen = subprocess.run(
        ["docker", "run", "--rm", "--interactive", IMAGE, "python", "-c", HANDSHAKE, address],
        input=(emulator.folder / "ca.pem").read_text(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert seen.stdout.strip() == "TLSv1.3", seen.stderr


def test_nothing_of_the_database_is_published_on_this_machine(emulator: Emulator, kit: Stacks) -> None:
    assert kit.environment
    label = f"label=org.windsock.rehearsal={emulator.port}"
    ports = subprocess.run(
        ["docker", "ps", "--filter", label, "--format", "{{.Names}} {{.Ports}}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "postgres" not in ports.stdout
    assert "->" not in ports.stdout


def test_status_lists_what_is_only_recorded_and_what_that_leaves_open(emulator: Emulator, kit: Stacks) -> None:
    assert kit.environment
    status = emulate("status", "--folder", emulator.folder).stdout
    for kind, not_proved in (
        ("AWS::CodePipeline::Pipeline", "that the pipeline runs"),
        ("AWS::CloudFront::VpcOrigin", "that CloudFront's private way to the load balancer is open"),
        ("AWS::EC2::SecurityGroup", "that only who is named gets through"),
        ("AWS::RDS::DBInstance (MultiAZ)", "that a standby takes over"),
    ):
        assert [line for line in status.splitlines() if kind in line and not_proved in line]


def test_every_option_of_the_templates_is_accepted(emulator: Emulator) -> None:
    zone = emulator.client("route53").create_hosted_zone(Name="example.org", CallerReference="tests")["HostedZone"][
        "Id"
    ]
    domain = {"DomainName": "api.example.org", "HostedZoneId": zone.rsplit("/", 1)[-1]}
    stacks = Stacks(emulator.place, "full")
    database = {"ReadReplica": "yes", "RotationDays": 30, "MonitoringIntervalSeconds": 60, "InsightsMode": "advanced"}
    stacks.deploy(
        *ALL,
        chosen={
            "network": {"NatMode": "per-zone", "ZoneCount": 3, "InterfaceEndpoints": "yes"},
            "database": {**USUAL["database"], **database},
            "cluster": {**domain, "ContainerInsights": "enhanced", "DeletionProtection": "no"},
            "edge": domain,
            "monitoring": {"AlarmEmail": "someone@example.org", "MonthlyBudget": 100, "Tracing": "yes"},
            "ingestion": {"Tracing": "yes", "Capacity": "spot", "DailySummariesUnits": "metric"},
            "pipeline": {"Approval": "yes"},
        },
    )
    for which in ALL:
        wanted = {
            name
            for name, resource in stacks.kit.templates[which].parsed["Resources"].items()
            if resource.get("Condition") not in ("NatInstanceWanted", "NatInstanceInThreeZones", "NoDomain")
        }
        resources = emulator.client("cloudformation").describe_stack_resources(StackName=stacks.name(which))
        assert wanted - {each["LogicalResourceId"] for each in resources["StackResources"]} == set(), which


def test_a_network_with_an_instance_for_nat_is_accepted_and_changed_into_one_with_gateways(emulator: Emulator) -> None:
    stacks = Stacks(emulator.place, "nat")
    stacks.deploy("network", chosen={"network": {"NatMode": "instance", "ZoneCount": 3}})
    changed = stacks.deploy("network", chosen={"network": {"NatMode": "per-zone", "ZoneCount": 3}})["network"].changes
    actions = {change.name: change.action for change in changed}
    assert actions["NatGateway3"] == "add"
    assert actions["NatInstance"] == "remove"
    assert "Vpc" not in actions


def test_data_stay_when_the_server_is_changed(emulator: Emulator) -> None:
    stacks = Stacks(emulator.place, "data")
    needed = ("network", "storage", "database")
    stacks.deploy(*needed)
    with connect(emulator, stacks) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    change = {**USUAL, "database": {**USUAL["database"], "InstanceClass": "db.t4g.large", "BackupDays": 14}}
    stacks.deploy(*needed, chosen=change)
    with connect(emulator, stacks) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    (server,) = servers(emulator, stacks)
    assert (server["DBInstanceClass"], server["BackupRetentionPeriod"]) == ("db.t4g.large", 14)

    unknown = {**USUAL, "database": {**USUAL["database"], "InstanceClass": "db.t4g.enormous"}}
    with pytest.raises(StackError, match=r"Invalid DB Instance class: db\.t4g\.enormous"):
        stacks.deploy(*needed, chosen=unknown)

    # Another major version is meant, or refused. The emulator's server cannot be upgraded: that it gets so far is all.
    newer = {**change["database"], "EngineVersion": "18"}
    with pytest.raises(StackError, match="AllowMajorVersionUpgrade flag must be present"):
        stacks.deploy(*needed, chosen={**USUAL, "database": newer})
    stacks.said.clear()
    with pytest.raises(StackError, match="does not upgrade a server: PostgreSQL 17 to 18"):
        stacks.deploy(*needed, chosen={**USUAL, "database": {**newer, "MajorUpgrade": "yes"}})
    (planned,) = [line for line in stacks.said if " Database (" in line and "EngineVersion" in line]
    assert "may replace Database" in planned  # CloudFormation says so of another DBParameterGroupName
    assert "HOLDS DATA" not in planned
    with connect(emulator, stacks) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def servers(emulator: Emulator, stacks: Stacks) -> list[dict[str, Any]]:
    found = emulator.client("rds").describe_db_instances()["DBInstances"]
    return [each for each in found if each["DBInstanceIdentifier"].startswith(stacks.name("database"))]


def test_a_protected_server_stays_and_a_deleted_one_leaves_a_snapshot_to_restore(emulator: Emulator) -> None:
    stacks = Stacks(emulator.place, "safe")
    needed = ("network", "storage", "database")
    protected = {**USUAL, "database": {**USUAL["database"], "DeletionProtection": "yes", "RotationDays": 0}}
    stacks.deploy(*needed, chosen=protected)
    with connect(emulator, stacks) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    cloudformation = emulator.client("cloudformation")
    cloudformation.delete_stack(StackName=stacks.name("database"))
    assert emulator.until_done(stacks.name("database")) == "DELETE_FAILED"
    failed = [event for event in emulator.events(stacks.name("database")) if event[1] == "DELETE_FAILED"]
    assert "Cannot delete protected DB Instance" in failed[0][2]
    assert snapshots(emulator, stacks) == []

    emulator.client("rds").modify_db_instance(
        DBInstanceIdentifier=servers(emulator, stacks)[0]["DBInstanceIdentifier"],
        DeletionProtection=False,
        ApplyImmediately=True,
    )
    cloudformation.delete_stack(StackName=stacks.name("database"))
    with pytest.raises(ClientError, match="does not exist"):
        emulator.until_done(stacks.name("database"))
    assert servers(emulator, stacks) == []
    (snapshot,) = snapshots(emulator, stacks)

    restored = {**protected["database"], "SnapshotIdentifier": snapshot, "Generation": 2}
    stacks.deploy(*needed, chosen={**protected, "database": restored})
    with connect(emulator, stacks) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def snapshots(emulator: Emulator, stacks: Stacks) -> list[str]:
    found = emulator.client("rds").describe_db_snapshots()["DBSnapshots"]
    names = [each["DBSnapshotIdentifier"] for each in found]
    return [name for name in names if stacks.name("database") in name]
