"""All that a deployment leaves to read, place by place: where a secret would be found if it had got there."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import html
import io
import json
import subprocess
import tarfile
import urllib.parse
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.acceptance.client import Answer
from tests.resilience.rehearsal.cloud import Cloud, docker

Found = Iterator[tuple[str, bytes]]
"""What something is called, and what can be read there."""


@dataclasses.dataclass(frozen=True)
class Places:
    """A deployment's, and what the trial itself has collected."""

    cloud: Cloud
    traces: list[bytes]
    answers: list[Answer]

    def all(self) -> dict[str, Callable[[], Found]]:
        """Each kind of place."""
        return {
            "a container's log": self._container_logs,
            "docker inspect of a container": self._containers,
            "a task definition": self._task_definitions,
            "tasks and services": self._tasks,
            "a log group": self._log_groups,
            "a stack": self._stacks,
            "an image": self._images,
            "a function": self._functions,
            "a package of a function": self._packages,
            "RDS and the list of secrets": self._descriptions,
            "the emulator's log": self._emulator_log,
            "what playbooks printed": lambda: iter([("", "".join(self.cloud.rehearsal.printed).encode())]),
            "a trace": lambda: iter(("", each) for each in self.traces),
            "an answer": lambda: iter(("", str(each.headers).encode() + each.body) for each in self.answers),
        }

    def search(self, secrets: Mapping[str, str]) -> dict[str, set[str]]:
        """For each secret's name the kinds of places that have it; where exactly is printed.

        Raises:
            AssertionError: There is nothing at all to read in a kind of place.
        """
        wanted = {name: forms(secret) for name, secret in secrets.items()}
        found: dict[str, set[str]] = {name: set() for name in secrets}
        for kind, read in self.all().items():
            size = 0
            for where, content in read():
                size += len(content)
                for name in (name for name, ways in wanted.items() if any(way in content for way in ways)):
                    print(f"{name} is in {kind}: {where}")  # noqa: T201 - pytest shows it when the test fails
                    found[name].add(kind)
            assert size, f"there is nothing in {kind}: the search would find nothing whatever there was"
        return found

    def _container_ids(self) -> list[str]:
        label = f"label=org.windsock.rehearsal={self.cloud.rehearsal.port}"
        return docker("ps", "--all", "--quiet", "--filter", label).split()

    def _container_logs(self) -> Found:
        for container in self._container_ids():
            logs = subprocess.run(["docker", "logs", container], check=True, capture_output=True)
            yield container, logs.stdout + logs.stderr

    def _containers(self) -> Found:
        for container in self._container_ids():
            yield container, docker("inspect", container).encode()

    def _task_definitions(self) -> Found:
        ecs = self.cloud.client("ecs")
        for page in ecs.get_paginator("list_task_definitions").paginate():
            for arn in page["taskDefinitionArns"]:
                yield arn, _json(ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"]))

    def _tasks(self) -> Found:
        ecs, cluster = self.cloud.client("ecs"), self.cloud.rehearsal.outputs("cluster")["ClusterName"]
        for status in ("RUNNING", "STOPPED"):
            for arn in ecs.list_tasks(cluster=cluster, desiredStatus=status)["taskArns"]:
                yield arn, _json(ecs.describe_tasks(cluster=cluster, tasks=[arn]))
        for arn in ecs.list_services(cluster=cluster)["serviceArns"]:
            yield arn, _json(ecs.describe_services(cluster=cluster, services=[arn]))

    def _log_groups(self) -> Found:
        logs = self.cloud.client("logs")
        for page in logs.get_paginator("describe_log_groups").paginate():
            for name in (group["logGroupName"] for group in page["logGroups"]):
                for events in logs.get_paginator("filter_log_events").paginate(logGroupName=name):
                    yield name, "\n".join(event["message"] for event in events["events"]).encode()

    def _stacks(self) -> Found:
        cloudformation = self.cloud.client("cloudformation")
        for stack in cloudformation.describe_stacks()["Stacks"]:
            name = stack["StackName"]
            yield f"{name}: outputs and parameters", _json(stack)
            yield f"{name}: template", _json(cloudformation.get_template(StackName=name))
            yield f"{name}: resources", _json(cloudformation.list_stack_resources(StackName=name))
            for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=name):
                yield f"{name}: events", _json(page)

    def _images(self) -> Found:
        ecr = self.cloud.client("ecr")
        names = [
            f"{repository['repositoryUri']}:{image['imageTag']}"
            for repository in ecr.describe_repositories()["repositories"]
            for image in ecr.list_images(repositoryName=repository["repositoryName"])["imageIds"]
            if image.get("imageTag")
        ]
        for name in names:
            docker("pull", "--quiet", name)
            yield f"{name}: configuration", docker("image", "inspect", name).encode()
            yield f"{name}: history", docker("history", "--no-trunc", name).encode()
        with subprocess.Popen(["docker", "save", *names], stdout=subprocess.PIPE) as saved:
            assert saved.stdout is not None
            with tarfile.open(fileobj=saved.stdout, mode="r|") as archive:
                for member in archive:
                    if member.isfile():
                        yield f"layer or configuration {member.name}", _read(archive.extractfile(member))

    def _functions(self) -> Found:
        functions = self.cloud.client("lambda")
        for function in functions.list_functions()["Functions"]:
            yield function["FunctionName"], _json(functions.get_function(FunctionName=function["FunctionName"]))

    def _packages(self) -> Found:
        s3, bucket = self.cloud.client("s3"), self.cloud.rehearsal.outputs("storage")["ArtefactBucketName"]
        for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            body = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
            with zipfile.ZipFile(io.BytesIO(body)) as package:
                for name in package.namelist():
                    yield f"{entry['Key']}: {name}", package.read(name)

    def _descriptions(self) -> Found:
        rds, secrets = self.cloud.client("rds"), self.cloud.client("secretsmanager")
        yield "RDS", _json(rds.describe_db_instances())
        yield "RDS", _json(rds.describe_db_snapshots())
        yield "Secrets Manager", _json(secrets.list_secrets())

    def _emulator_log(self) -> Found:
        for name in ("log", "recorded.json"):
            yield name, Path(self.cloud.rehearsal.folder / ".rehearsal" / name).read_bytes()


def forms(secret: str) -> set[bytes]:
    """How a secret may be written: as it is, in JSON, in a URL, in XML, in base64."""
    plain = secret.encode()
    return {
        plain,
        json.dumps(secret)[1:-1].encode(),
        urllib.parse.quote(secret, safe="").encode(),
        html.escape(secret).encode(),
        base64.b64encode(plain).rstrip(b"="),
    }


def _json(answer: Any) -> bytes:
    return json.dumps(answer, default=str).encode()


def _read(file: Any) -> bytes:
    """A file's content, unpacked where it is packed: some versions of Docker save layers so."""
    content: bytes = file.read()
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
