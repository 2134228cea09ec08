"""The stack as its users start it, with the real station files in its S3 service."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.client import get
from tests.acceptance.compose.stack import Stack, run
from tests.acceptance.figures import Figures

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

SERVICES = {"db", "s3", "api", "worker"}


class TestFigures(Figures):
    @pytest.fixture
    def base_url(self, loaded: Stack) -> str:
        return loaded.base_url


def test_the_schedule_has_loaded_the_files(loaded: Stack) -> None:
    passes = loaded.passes()
    (load,) = [one for one in passes if one["files_loaded"]]
    assert load["trigger"] == "schedule"
    assert load["source"] == "s3://weather"
    assert load["status"] == "succeeded"
    assert passes[-1]["trigger"] == "start"


def test_a_file_that_is_there_is_not_uploaded_again(loaded: Stack, wx_data: Path) -> None:
    again = loaded.upload(wx_data)
    assert "Copied" not in again
    assert "There was nothing to transfer" in again


def test_swagger_ui_is_served(stack: Stack) -> None:
    assert b"swagger" in get(f"{stack.base_url}/docs").body.lower()


def test_only_the_api_is_published_and_only_here(stack: Stack) -> None:
    published = {}
    for service in SERVICES:
        ports = stack.inspect(service)["NetworkSettings"]["Ports"]
        published[service] = [(name, one["HostIp"]) for name, hosts in ports.items() for one in hosts or []]
    assert published == {"db": [], "s3": [], "worker": [], "api": [("8000/tcp", "127.0.0.1")]}


def test_starting_again_keeps_secrets_and_data(stack: Stack) -> None:
    stack.up()  # the tests of the images and of the playbooks may have built them anew since the stack was started
    before = [stack.container(service) for service in sorted(SERVICES)]
    stack.up()
    assert [stack.container(service) for service in sorted(SERVICES)] == before
    assert stack.get("/health/ready").status == 200


def test_the_s3_service_refuses_wrong_keys(stack: Stack) -> None:
    program = (
        "import boto3, botocore.exceptions as e\n"
        "try: boto3.client('s3', aws_access_key_id='a', aws_secret_access_key='b').list_objects_v2(Bucket='weather')\n"
        "except e.ClientError as error: print(error.response['Error']['Code'])"
    )
    answer = stack.compose("exec", "-T", "worker", "python", "-c", program).stdout.strip()
    assert answer in {"InvalidAccessKeyId", "AccessDenied", "SignatureDoesNotMatch"}


def test_compose_finds_nothing_wrong_with_the_file() -> None:
    assert not run("docker", "compose", "--profile", "*", "config", "--quiet").stderr
