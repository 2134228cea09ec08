"""What the trials do to a rehearsal's containers, and how they look into its database."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy.engine import URL

from database import embedded, roles
from tests.acceptance.rehearsal.rehearsal import Rehearsal
from tests.conftest import Cluster, Database, wait_until

API_TASKS = 2
"""How many there are in the rehearsal's inventory: MinTasks."""
TASK_LABEL = "org.windsock.rehearsal.task"
SECRETS = {roles.OWNER: "OwnerSecretArn", roles.WORKER: "WorkerSecretArn", roles.API: "ApiSecretArn"}
"""Which output of the stack `database` names the secret of a role."""


def docker(*words: str) -> str:
    """What a command of Docker printed."""
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True).stdout


def kill(container: str) -> None:
    """End a container with SIGKILL."""
    docker("kill", container)


@dataclasses.dataclass(frozen=True)
class _Server(Cluster):
    """The rehearsal's server, asked from this machine with the logins that are in Secrets Manager now."""

    rehearsal: Rehearsal

    def url(self, role: str, database: str) -> str:
        login = Cloud(self.rehearsal).secret(role)
        url = URL.create(
            "postgresql", role, login["password"], login["host"], int(login["port"]), database,
            {"sslmode": "verify-full", "sslrootcert": str(self.folder / "ca.pem")},
        )  # fmt: skip
        return url.render_as_string(hide_password=False)


@dataclasses.dataclass(frozen=True)
class Cloud:
    """A deployed rehearsal."""

    rehearsal: Rehearsal

    def client(self, service: str) -> Any:
        """A client of the emulated AWS."""
        return self.rehearsal.place.client(service)

    @property
    def database(self) -> Database:
        """The deployment's database, for its owner."""
        return Database(_Server(self.rehearsal.folder / ".rehearsal", 5432, self.rehearsal), embedded.DATABASE)

    def secret(self, role: str, stage: str = "AWSCURRENT") -> dict[str, Any]:
        """The login of a role, as Secrets Manager has it."""
        arn = self.rehearsal.outputs("database")[SECRETS[role]]
        found = self.client("secretsmanager").get_secret_value(SecretId=arn, VersionStage=stage)
        login: dict[str, Any] = json.loads(found["SecretString"])
        return login

    def rotate(self, role: str) -> None:
        """Have Secrets Manager change the password of a role, and wait until it has."""
        secrets, arn = self.client("secretsmanager"), self.rehearsal.outputs("database")[SECRETS[role]]
        version = secrets.rotate_secret(SecretId=arn)["VersionId"]
        wait_until(
            lambda: "AWSCURRENT" in secrets.describe_secret(SecretId=arn)["VersionIdsToStages"].get(version, []),
            f"the new password of {role} is the current one",
            60,
        )

    # ---- tasks -------------------------------------------------------------------------------------------------------

    def run_task(self, definition: str, container: str, **environment: str) -> str:
        """Start a task as the checker does, with more variables for one container, and give its ARN."""
        outputs = {**self.rehearsal.outputs("network"), **self.rehearsal.outputs("cluster")}
        more = [{"name": name, "value": value} for name, value in environment.items()]
        answer = self.client("ecs").run_task(
            cluster=outputs["ClusterArn"],
            taskDefinition=definition,
            capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
            networkConfiguration={"awsvpcConfiguration": {"subnets": outputs["PrivateSubnetIds"].split(",")}},
            overrides={"containerOverrides": [{"name": container, "environment": more}]},
        )
        assert not answer["failures"], answer
        return str(answer["tasks"][0]["taskArn"])

    def run_worker(self, **environment: str) -> str:
        """Start a pass of the ingestion, as a person would, and give the task's ARN."""
        return self.run_task(self.rehearsal.outputs("ingestion")["WorkerTaskDefinitionArn"], "worker", **environment)

    def task(self, arn: str) -> dict[str, Any]:
        """A task as ECS describes it."""
        described = self.client("ecs").describe_tasks(cluster=self._cluster(), tasks=[arn])["tasks"]
        return dict(described[0])

    def ended(self, arn: str, seconds: float = 120) -> dict[str, Any]:
        """A task once it has ended."""
        wait_until(lambda: self.task(arn)["lastStatus"] == "STOPPED", f"the task {arn} has ended", seconds)
        return self.task(arn)

    def tasks(self, container: str, status: str = "RUNNING") -> dict[str, dict[str, Any]]:
        """The tasks that should have a status and have such a container, by their ARNs."""
        ecs = self.client("ecs")
        listed = ecs.list_tasks(cluster=self._cluster(), desiredStatus=status)["taskArns"]
        described = ecs.describe_tasks(cluster=self._cluster(), tasks=listed)["tasks"] if listed else []
        return {one["taskArn"]: one for one in described if one["containers"][0]["name"] == container}

    def worker_tasks(self) -> set[str]:
        """All tasks of the worker that ECS still knows of."""
        return set(self.tasks("worker")) | set(self.tasks("worker", "STOPPED"))

    def container(self, arn: str) -> str:
        """The id of the container of a task."""
        wait_until(lambda: bool(self._containers(arn)), f"the task {arn} has a container", 60)
        return self._containers(arn)[0]

    def settled(self) -> dict[str, str]:
        """The API's tasks, each with the id of its container, once the load balancer finds all of them healthy."""
        # Both: the load balancer counts one that has just ended for a moment longer than ECS does.
        wait_until(
            lambda: len(self.tasks("api")) == self._healthy() == API_TASKS,
            f"{API_TASKS} tasks of the API are healthy",
            120,
        )
        return {task: self.container(task) for task in self.tasks("api")}

    def _healthy(self) -> int:
        """How many targets the load balancer has, if it finds all of them healthy."""
        balancer = self.client("elbv2")
        states = [
            target["TargetHealth"]["State"]
            for group in balancer.describe_target_groups()["TargetGroups"]
            for target in balancer.describe_target_health(TargetGroupArn=group["TargetGroupArn"])[
                "TargetHealthDescriptions"
            ]
        ]
        return len(states) if set(states) == {"healthy"} else 0

    def interrupt(self, arn: str) -> None:
        """Have Spot take a task away."""
        url = f"http://127.0.0.1:{self.rehearsal.port}/_emulator/interrupt?task={arn}"
        with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=60):
            pass

    def _cluster(self) -> str:
        return self.rehearsal.outputs("cluster")["ClusterName"]

    def _containers(self, arn: str) -> list[str]:
        return docker("ps", "--quiet", "--filter", f"label={TASK_LABEL}={arn.rsplit('/', 1)[-1]}").split()

    # ---- weather files -----------------------------------------------------------------------------------------------

    def upload(self, files: list[Path]) -> Callable[[], None]:
        """Put files into the bucket of weather files; what is returned takes them away again."""
        s3, bucket = self.client("s3"), self.rehearsal.outputs("storage")["WeatherBucketName"]
        for file in files:
            s3.upload_file(str(file), bucket, file.name)

        def take_away() -> None:
            for file in files:
                s3.delete_object(Bucket=bucket, Key=file.name)

        return take_away
