"""A database restored beside the one that lives, and switched over to, on an emulated AWS with real servers."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from deployment import moments, restore, switch
from deployment.servers import MOMENT_TAG, RestoreError, look, tags
from deployment.session import Place
from deployment.switch import Ingestion
from tests.conftest import wait_until
from tests.integration.emulator.conftest import Emulator
from tests.integration.emulator.kit import USUAL, Chosen, Stacks
from tests.integration.emulator.task_templates import IMAGE

pytestmark = pytest.mark.docker

NEEDED = ("network", "storage", "registry", "database", "cluster", "edge", "monitoring", "ingestion")
CHOSEN: Chosen = {**USUAL, "database": {**USUAL["database"], "DeletionProtection": "yes"}}
DEADLINE_S = 120.0


@dataclasses.dataclass
class Deployed:
    """The stacks that a restore needs, with a table in the database."""

    emulator: Emulator
    stacks: Stacks
    said: list[str]

    @property
    def place(self) -> Place:
        return self.emulator.place

    @property
    def server(self) -> str:
        return self.emulator.outputs(self.stacks.name("database"))["DatabaseIdentifier"]

    @property
    def secret(self) -> str:
        return self.emulator.outputs(self.stacks.name("database"))["OwnerSecretArn"]

    @property
    def ingestion(self) -> Ingestion:
        outputs = self.emulator.outputs(self.stacks.name("ingestion"))
        cluster = self.emulator.outputs(self.stacks.name("cluster"))["ClusterName"]
        definition = outputs["WorkerTaskDefinitionArn"]
        return Ingestion(self.stacks.name("ingestion"), outputs["ScheduleName"], cluster, definition)

    def beside(self, to: str = "latest") -> restore.Beside:
        return restore.beside(self.place, self.server, to, self.secret, self.said.append, DEADLINE_S)

    def switch(self, place: Place | None = None) -> switch.Switched:
        return switch.switch(place or self.place, self.server, self.ingestion, self.said.append, DEADLINE_S)

    def discard(self) -> str:
        return restore.discard(self.place, self.server, self.said.append, DEADLINE_S)

    def scheduled(self) -> str:
        return str(self.emulator.client("scheduler").get_schedule(Name=self.ingestion.schedule)["State"])

    def names(self) -> list[str]:
        described = self.emulator.client("rds").describe_db_instances()["DBInstances"]
        return sorted(
            name
            for each in described
            if (name := each["DBInstanceIdentifier"]).startswith(self.stacks.name("database"))
        )

    def connect(self, name: str) -> psycopg.Connection[Any]:
        """As the owner with the password of the secret, by TLS that is checked."""
        text = self.emulator.client("secretsmanager").get_secret_value(SecretId=self.secret)["SecretString"]
        described = self.emulator.client("rds").describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        return psycopg.connect(
            host=described["Endpoint"]["Address"],
            dbname="windsock",
            user="windsock_owner",
            password=json.loads(text)["password"],
            sslmode="verify-full",
            sslrootcert=str(self.emulator.folder / "ca.pem"),
            autocommit=True,
        )

    def told(self, name: str) -> str:
        with self.connect(name) as connection:
            return str(connection.execute("SELECT what FROM told").fetchone()[0])  # type: ignore[index]

    def tell(self, what: str) -> None:
        with self.connect(self.server) as connection:
            connection.execute("UPDATE told SET what = %s", [what])


@pytest.fixture(scope="module")
def made(emulator: Emulator) -> Stacks:
    stacks = Stacks(emulator.place, "then")
    stacks.deploy(*NEEDED, chosen=CHOSEN)
    deployed = Deployed(emulator, stacks, [])
    with deployed.connect(deployed.server) as connection:
        connection.execute("CREATE TABLE told AS SELECT 'before' AS what")
    return stacks


@pytest.fixture
def deployed(emulator: Emulator, made: Stacks) -> Iterator[Deployed]:
    """With one server, that tells `before`; afterwards there is one again."""
    this = Deployed(emulator, made, [])
    this.tell("before")
    yield this
    rds = emulator.client("rds")
    for name in this.names():
        if name != this.server:
            rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False, ApplyImmediately=True)
            rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


def test_a_moment_is_restored_into_a_server_that_is_as_the_one_that_lives(deployed: Deployed) -> None:
    result = deployed.beside()
    assert (result.changed, result.identifier, result.replicas) == (True, f"{deployed.server}-restored", [])
    found = look(deployed.emulator.client("rds"), deployed.server)
    assert found.live
    assert found.restored
    for same in (
        "AllocatedStorage", "AutoMinorVersionUpgrade", "BackupRetentionPeriod", "CACertificateIdentifier",
        "CopyTagsToSnapshot", "DBInstanceClass", "DBParameterGroups", "DeletionProtection", "EngineVersion",
        "MaxAllocatedStorage", "MonitoringInterval", "MultiAZ", "PerformanceInsightsEnabled", "PreferredBackupWindow",
        "PreferredMaintenanceWindow", "PubliclyAccessible", "StorageEncrypted", "StorageType", "VpcSecurityGroups",
    ):  # fmt: skip
        assert found.restored[same] == found.live[same], same
    assert found.restored["DBSubnetGroup"]["DBSubnetGroupName"] == found.live["DBSubnetGroup"]["DBSubnetGroupName"]
    own = {key: value for key, value in tags(found.live).items() if not key.startswith("aws:")}
    assert tags(found.restored).items() > own.items()
    assert result.address != result.live_address
    deployed.tell("after")
    assert deployed.told(result.identifier) == "before"

    url = restore.address_for(
        deployed.place,
        deployed.emulator.outputs(deployed.stacks.name("ingestion"))["MigrateTaskDefinitionArn"],
        "migrate",
        result.live_address,
        result.address,
    )
    assert url.startswith(f"postgresql://windsock_owner@{result.address}:5432/windsock?sslmode=verify-full")


def test_a_second_run_goes_on_with_what_is_restored_and_with_todays_password(deployed: Deployed) -> None:
    first = deployed.beside()
    secrets = deployed.emulator.client("secretsmanager")
    before = secrets.get_secret_value(SecretId=deployed.secret)["SecretString"]
    try:
        changed = json.dumps({**json.loads(before), "password": "changed-meanwhile"})
        secrets.put_secret_value(SecretId=deployed.secret, SecretString=changed)
        second = deployed.beside()
        assert second == dataclasses.replace(first, changed=False)
        deployed.connect(second.identifier).close()
    finally:
        secrets.put_secret_value(SecretId=deployed.secret, SecretString=before)
    assert not restore.foreseen(deployed.place, deployed.server, first.moment)
    with pytest.raises(RestoreError, match=r"is there already, of .*Delete it first: -e discard=true"):
        deployed.beside("2020-01-01T00:00:00Z")


def test_what_was_restored_is_discarded_and_what_lives_stays(deployed: Deployed) -> None:
    assert restore.foreseen(deployed.place, deployed.server, "latest")
    deployed.beside()
    assert deployed.discard() == f"{deployed.server}-restored"
    assert deployed.names() == [deployed.server]
    assert deployed.told(deployed.server) == "before"
    assert deployed.discard() == ""


@pytest.mark.parametrize(
    ("to", "said"),
    [
        ("yesterday", "to is 'yesterday': it must be a time with its zone"),
        ("2026-11-22T05:30:00", "without a time zone"),
        ("2999-01-01T00:00:00Z", "which is in the future"),
        ("2020-01-01T00:00:00Z", "is before the earliest moment that can be restored: backups reach from"),
    ],
)
def test_a_moment_that_cannot_be_is_refused(deployed: Deployed, to: str, said: str) -> None:
    with pytest.raises(RestoreError, match=said):
        deployed.beside(to)
    with pytest.raises(RestoreError, match=said):
        restore.foreseen(deployed.place, deployed.server, to)
    assert deployed.names() == [deployed.server]


def test_without_backups_nothing_can_be_restored(deployed: Deployed) -> None:
    rds = deployed.emulator.client("rds")
    rds.modify_db_instance(DBInstanceIdentifier=deployed.server, BackupRetentionPeriod=0, ApplyImmediately=True)
    try:
        with pytest.raises(RestoreError, match=r"keeps no backups.*BackupDays"):
            deployed.beside()
    finally:
        rds.modify_db_instance(DBInstanceIdentifier=deployed.server, BackupRetentionPeriod=7, ApplyImmediately=True)


def test_a_server_that_is_not_there(deployed: Deployed) -> None:
    with pytest.raises(RestoreError, match=r"There is no server nobody in us-east-1.*'By the stack'"):
        restore.beside(deployed.place, "nobody", "latest", deployed.secret, deployed.said.append, DEADLINE_S)
    with pytest.raises(RestoreError, match="restore first, with -e to="):
        deployed.switch()


def test_the_restored_server_takes_the_name_and_nothing_else_has_to_change(deployed: Deployed) -> None:
    stack = deployed.emulator.outputs(deployed.stacks.name("database"))
    manifest = {"Bucket": deployed.emulator.outputs(deployed.stacks.name("storage"))["WeatherBucketName"]}
    manifest["Key"] = "_windsock/manifest.json"
    deployed.emulator.client("s3").put_object(**manifest, Body=b"{}")
    restored = deployed.beside()
    deployed.tell("after")
    result = deployed.switch()
    assert (result.changed, result.moment) == (True, restored.moment)
    assert result.before.startswith(f"{deployed.server}-before-{datetime.now(UTC):%Y%m%d}")
    assert deployed.names() == [deployed.server, result.before]
    assert (deployed.told(deployed.server), deployed.told(result.before)) == ("before", "after")
    assert deployed.scheduled() == "ENABLED"
    with pytest.raises(ClientError, match="Not Found"):
        deployed.emulator.client("s3").head_object(**manifest)
    found = look(deployed.emulator.client("rds"), deployed.server)
    assert found.live
    assert found.live["Endpoint"]["Address"] == stack["DatabaseAddress"]
    assert set(tags(found.live)) == {"Project", "Environment"}
    assert tags(found.before[-1])[MOMENT_TAG] == restored.moment

    again = deployed.switch()
    assert again == dataclasses.replace(result, changed=False)
    changes = {name: outcome.changes for name, outcome in deployed.stacks.deploy(*NEEDED, chosen=CHOSEN).items()}
    assert not any(changes.values())


def test_nothing_is_switched_while_a_pass_is_running(deployed: Deployed) -> None:
    deployed.beside()
    ecs, ingestion = deployed.emulator.client("ecs"), deployed.ingestion
    family = ingestion.definition.rsplit("/", 1)[-1].split(":")[0]
    container = {"name": "worker", "image": IMAGE, "command": ["sleep", "300"], "essential": True}
    definition = ecs.register_task_definition(family=family, containerDefinitions=[container])["taskDefinition"]
    task = ecs.run_task(cluster=ingestion.cluster, taskDefinition=definition["taskDefinitionArn"])["tasks"][0][
        "taskArn"
    ]
    try:
        with pytest.raises(RestoreError, match=r"A pass of the ingestion is running .*aws ecs stop-task --cluster"):
            deployed.switch()
    finally:
        ecs.stop_task(cluster=ingestion.cluster, task=task)
        wait_until(
            lambda: not ecs.list_tasks(cluster=ingestion.cluster, desiredStatus="RUNNING")["taskArns"], "it is stopped"
        )
    assert deployed.names() == [deployed.server, f"{deployed.server}-restored"]
    assert deployed.scheduled() == "ENABLED"


class Interrupted(BaseException):
    """As when the machine that runs the playbook is switched off."""


class Renaming(Place):
    """A place where something happens instead of a renaming."""

    instead: Callable[[str, str], None]

    def client(self, service: str, region: str | None = None, *, answer_s: float | None = None) -> Any:
        client = super().client(service, region, answer_s=answer_s)
        return _Rds(client, self.instead) if service == "rds" else client


class _Rds:
    def __init__(self, client: Any, instead: Callable[[str, str], None]) -> None:
        self._client, self._instead = client, instead

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def modify_db_instance(self, **options: Any) -> Any:
        self._instead(options["DBInstanceIdentifier"], options.get("NewDBInstanceIdentifier", ""))
        return self._client.modify_db_instance(**options)


def renaming(deployed: Deployed, instead: Callable[[str, str], None]) -> Place:
    place = Renaming(**{field.name: getattr(deployed.place, field.name) for field in dataclasses.fields(Place)[:5]})
    object.__setattr__(place, "instead", instead)
    return place


def test_when_the_second_renaming_fails_the_first_is_taken_back(deployed: Deployed) -> None:
    deployed.beside()

    def refuse(server: str, name: str) -> None:
        if server.endswith("-restored") and name:
            raise ClientError({"Error": {"Code": "Busy", "Message": "try later"}}, "ModifyDBInstance")

    with pytest.raises(
        RestoreError, match=r"did not get the name .*try later.*\n.*has its name back, and the API"
    ) as error:
        deployed.switch(renaming(deployed, refuse))
    assert "-e switch=" in str(error.value)
    assert deployed.names() == [deployed.server, f"{deployed.server}-restored"]
    assert deployed.told(deployed.server) == "before"
    assert deployed.scheduled() == "ENABLED"


def test_when_neither_gets_the_name_it_is_said_and_a_later_run_finishes(deployed: Deployed) -> None:
    restored = deployed.beside()
    deployed.tell("after")
    server = deployed.server

    def refuse(_server: str, name: str) -> None:
        if name == server:
            raise ClientError({"Error": {"Code": "Busy", "Message": "try later"}}, "ModifyDBInstance")

    with pytest.raises(RestoreError, match=r"could not get its name back either: .*\nNobody has the name"):
        deployed.switch(renaming(deployed, refuse))
    assert deployed.scheduled() == "DISABLED"
    with pytest.raises(RestoreError, match=r"A switch was interrupted.*-e switch=.* finishes it"):
        deployed.beside()
    with pytest.raises(RestoreError, match="A switch was interrupted"):
        deployed.discard()
    result = deployed.switch()
    assert (result.changed, result.moment) == (True, restored.moment)
    assert (deployed.told(deployed.server), deployed.told(result.before)) == ("before", "after")
    assert deployed.scheduled() == "ENABLED"


def test_a_switch_that_was_interrupted_is_finished_by_the_next(deployed: Deployed) -> None:
    deployed.beside()
    deployed.tell("after")

    def interrupt(server: str, name: str) -> None:
        if server.endswith("-restored") and name:
            raise Interrupted

    with pytest.raises(Interrupted):
        deployed.switch(renaming(deployed, interrupt))
    assert look(deployed.emulator.client("rds"), deployed.server).half_switched
    result = deployed.switch()
    assert (deployed.told(deployed.server), deployed.told(result.before)) == ("before", "after")
    assert deployed.scheduled() == "ENABLED"


def test_a_replica_stands_in_the_way(deployed: Deployed) -> None:
    rds = deployed.emulator.client("rds")
    deployed.beside()
    replica = f"{deployed.server}-replica"
    rds.create_db_instance_read_replica(DBInstanceIdentifier=replica, SourceDBInstanceIdentifier=deployed.server)
    try:
        assert deployed.beside().replicas == [replica]
        with pytest.raises(RestoreError, match=rf"has the replica {replica}.*ReadReplica: 'no'"):
            deployed.switch()
    finally:
        live = look(rds, deployed.server).live
        assert live
        rds.modify_db_instance(DBInstanceIdentifier=replica, DeletionProtection=False, ApplyImmediately=True)
        rds.delete_db_instance(DBInstanceIdentifier=replica, SkipFinalSnapshot=True)
    assert deployed.scheduled() == "ENABLED"


def test_a_server_of_somebody_else_is_not_touched(deployed: Deployed) -> None:
    rds = deployed.emulator.client("rds")
    deployed.beside()
    arn = rds.describe_db_instances(DBInstanceIdentifier=f"{deployed.server}-restored")["DBInstances"][0][
        "DBInstanceArn"
    ]
    rds.remove_tags_from_resource(ResourceName=arn, TagKeys=[MOMENT_TAG])
    for attempt in (deployed.beside, deployed.discard):
        with pytest.raises(RestoreError, match="that this playbook has not made"):
            attempt()
    with pytest.raises(RestoreError, match="none that this playbook has restored"):
        deployed.switch()


def test_a_moment_that_is_later_than_the_backups(deployed: Deployed) -> None:
    rds = deployed.emulator.client("rds")
    live = look(rds, deployed.server).live
    assert live
    reach = moments.window(rds, live)
    with pytest.raises(RestoreError, match=r"cannot be restored yet.*-e to=latest"):
        moments.check_in(reach, reach.latest + timedelta(minutes=1))
