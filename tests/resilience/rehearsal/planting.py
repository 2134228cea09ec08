"""A secret of no use, put into each kind of place that can be given one: the search has to find it there."""

from __future__ import annotations

import contextlib
import io
import json
import secrets
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator

from tests.acceptance.client import get
from tests.resilience.rehearsal.cloud import Cloud, docker
from tests.resilience.rehearsal.places import Places

NAME = "planted"
NOT_PLANTED = {"tasks and services", "a function", "RDS and the list of secrets"}
"""Where nothing can be put without a change of the deployment."""
Later = Callable[..., object]
"""Takes a function and its arguments, to be called at the end."""


@contextlib.contextmanager
def planted(places: Places) -> Iterator[str]:
    """Put a new secret everywhere, give it, and take it out again; only the emulator's log keeps it."""
    secret, cloud = secrets.token_urlsafe(30), places.cloud
    with contextlib.ExitStack() as undo:
        for plant in (_container, _task_definition, _log_group, _stack, _image, _package):
            plant(cloud, secret, undo.callback)
        with (cloud.rehearsal.folder / ".rehearsal" / "log").open("a", encoding="utf-8") as log:
            log.write(f"{secret}\n")
        cloud.rehearsal.printed.append(secret)
        undo.callback(cloud.rehearsal.printed.remove, secret)
        places.traces.append(secret.encode())
        places.answers.append(get(f"{cloud.rehearsal.url}/api/weather?{secret}=1"))
        yield secret


def _container(cloud: Cloud, secret: str, later: Later) -> None:
    """In its environment, and printed by it."""
    label = f"org.windsock.rehearsal={cloud.rehearsal.port}"
    image, program = "python:3.13-slim-trixie", ("echo", secret)
    name = f"{NAME}-{cloud.rehearsal.port}"
    later(docker, "rm", "--force", name)
    docker("run", "--name", name, "--label", label, "--env", f"PLANTED={secret}", image, *program)


def _task_definition(cloud: Cloud, secret: str, later: Later) -> None:
    ecs = cloud.client("ecs")
    program = {"name": "program", "image": "none", "environment": [{"name": "PLANTED", "value": secret}]}
    made = ecs.register_task_definition(family=NAME, containerDefinitions=[program])["taskDefinition"]
    later(ecs.deregister_task_definition, taskDefinition=made["taskDefinitionArn"])


def _log_group(cloud: Cloud, secret: str, later: Later) -> None:
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName=NAME)
    later(logs.delete_log_group, logGroupName=NAME)
    logs.create_log_stream(logGroupName=NAME, logStreamName=NAME)
    line = {"timestamp": int(time.time() * 1000), "message": f"the password is {secret}."}
    logs.put_log_events(logGroupName=NAME, logStreamName=NAME, logEvents=[line])


def _stack(cloud: Cloud, secret: str, later: Later) -> None:
    """As a parameter."""
    cloudformation = cloud.client("cloudformation")
    template = {
        "Parameters": {"Planted": {"Type": "String"}},
        "Resources": {"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"}},
    }
    given = [{"ParameterKey": "Planted", "ParameterValue": secret}]
    cloudformation.create_stack(StackName=NAME, TemplateBody=json.dumps(template), Parameters=given)
    later(cloudformation.delete_stack, StackName=NAME)


def _image(cloud: Cloud, secret: str, later: Later) -> None:
    """In a layer alone: the history has it in two parts."""
    ecr = cloud.client("ecr")
    ecr.create_repository(repositoryName=NAME)
    later(ecr.delete_repository, repositoryName=NAME, force=True)
    image = f"localhost:{cloud.rehearsal.port}/{NAME}:{NAME}"
    dockerfile = f"FROM python:3.13-slim-trixie\nRUN echo {secret[:20]}''{secret[20:]} > /planted\n"
    command = ["docker", "build", "--quiet", "--tag", image, "-"]
    subprocess.run(command, input=dockerfile, text=True, check=True, capture_output=True)
    later(docker, "image", "rm", image)
    docker("push", "--quiet", image)


def _package(cloud: Cloud, secret: str, later: Later) -> None:
    """Compressed, so that it cannot be read as it lies there."""
    s3, bucket = cloud.client("s3"), cloud.rehearsal.outputs("storage")["ArtefactBucketName"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("planted.py", f"password = '{secret}'\n" * 3)
    s3.put_object(Bucket=bucket, Key="planted.zip", Body=packed.getvalue())
    later(s3.delete_object, Bucket=bucket, Key="planted.zip")
