"""The checker against S3 and ECS of moto's server: no AWS can be reached from a test, so these two are acted out.

What moto cannot show, that the task then really loads, is the rehearsal's to show.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from runtime.environment import SettingsError, load
from tests.conftest import unmeasured
from worker import checker, manifest, package
from worker.settings import OnePassSettings
from worker.sources import SourceError

BUCKET, REGION = "weather-files", "us-east-1"
MANIFEST = f"s3://{BUCKET}/_windsock/manifest.json"
MACHINE_IMAGE = "ami-12c6146b"  # one of those that moto has: to list them takes it more than a second


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """An empty bucket, a cluster and the worker's task definition; the checker's environment."""
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": "tests",
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")).close()  # noqa: S310
    s3, ecs, ec2 = (boto3.client(name) for name in ("s3", "ecs", "ec2"))
    s3.create_bucket(Bucket=BUCKET)
    ecs.create_cluster(clusterName="weather")
    definition = ecs.register_task_definition(
        family="worker",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[{"name": "worker", "image": "worker:1", "cpu": 256, "memory": 512}],
    )["taskDefinition"]["taskDefinitionArn"]
    subnet = ec2.describe_subnets()["Subnets"][0]
    # To moto, a capacity provider needs a machine.
    instance = ec2.run_instances(ImageId=MACHINE_IMAGE, MinCount=1, MaxCount=1)
    document = {"instanceId": instance["Instances"][0]["InstanceId"], "region": REGION}
    ecs.register_container_instance(cluster="weather", instanceIdentityDocument=json.dumps(document))
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    for name, value in {
        "WINDSOCK_SOURCE": f"s3://{BUCKET}",
        "WINDSOCK_MANIFEST": MANIFEST,
        "WINDSOCK_ENVIRONMENT": "tests",
        "WINDSOCK_CLUSTER": "weather",
        "WINDSOCK_TASK_DEFINITION": definition,
        "WINDSOCK_SUBNETS": subnet["SubnetId"],
        "WINDSOCK_SECURITY_GROUPS": group,
    }.items():
        monkeypatch.setenv(name, value)
    return SimpleNamespace(s3=s3, ecs=ecs)


def put(aws: SimpleNamespace, *keys: str, body: bytes = b"19850101\t-22\t-128\t94\n") -> None:
    for key in keys:
        aws.s3.put_object(Bucket=BUCKET, Key=key, Body=body)


def publish(aws: SimpleNamespace, source: str = f"s3://{BUCKET}") -> None:
    """What a pass publishes that has recorded all files there are."""
    entries = aws.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])
    versions = {f"s3://{BUCKET}/{it['Key']}": it["ETag"].strip('"') for it in entries if "_windsock/" not in it["Key"]}
    put(aws, "_windsock/manifest.json", body=manifest.dump(source, versions.items(), "2026-10-31T06:00:00Z").encode())


def check(**event: object) -> dict[str, Any]:
    return checker.handler(event, SimpleNamespace(aws_request_id=os.urandom(8).hex()))


def tasks(aws: SimpleNamespace) -> list[str]:
    return list(aws.ecs.list_tasks(cluster="weather")["taskArns"])


def test_new_files_start_one_task(aws: SimpleNamespace) -> None:
    put(aws, "USC00110072.txt", "more/USC00110187.txt")
    decision = check(trigger="schedule")
    assert decision["decision"] == "started"
    assert decision["new_files"] == 2
    assert decision["examples"] == ["USC00110072.txt", "more/USC00110187.txt"]
    assert tasks(aws) == [decision["task"]]
    json.dumps(decision)


def test_nothing_new_starts_nothing(aws: SimpleNamespace) -> None:
    put(aws, "USC00110072.txt")
    publish(aws)
    assert check()["decision"] == "nothing_new"
    assert tasks(aws) == []


def test_an_empty_bucket_starts_nothing(aws: SimpleNamespace) -> None:
    assert check() == {"decision": "nothing_new", "task": None, "new_files": 0, "examples": [], "forced": False}
    assert tasks(aws) == []


def test_a_changed_file_is_new(aws: SimpleNamespace) -> None:
    put(aws, "USC00110072.txt", "USC00110187.txt")
    publish(aws)
    put(aws, "USC00110187.txt", body=b"19850101\t-22\t-128\t95\n")
    decision = check()
    assert (decision["decision"], decision["examples"]) == ("started", ["USC00110187.txt"])


def test_force_starts_although_nothing_is_new(aws: SimpleNamespace) -> None:
    put(aws, "USC00110072.txt")
    publish(aws)
    assert check(force=True)["decision"] == "started"
    assert len(tasks(aws)) == 1


@pytest.mark.parametrize("event", [{}, {"force": True}])
def test_a_running_pass_is_left_alone(aws: SimpleNamespace, event: dict[str, object]) -> None:
    put(aws, "USC00110072.txt")
    first = check()
    second = check(**event)
    assert (second["decision"], second["task"]) == ("already_running", first["task"])
    assert tasks(aws) == [first["task"]]


def test_more_files_than_a_page_of_the_listing(aws: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.sources.s3.PAGE_SIZE", 5)
    put(aws, *(f"station{number:02}.txt" for number in range(23)))
    decision = check()
    assert decision["new_files"] == 23
    assert len(decision["examples"]) == checker.EXAMPLES


def test_a_source_below_a_prefix(aws: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDSOCK_SOURCE", f"s3://{BUCKET}/daily")
    put(aws, "daily/a.txt", "other/b.txt", "daily/folder/")
    publish(aws, source=f"s3://{BUCKET}/daily")
    assert check()["decision"] == "nothing_new"
    put(aws, "daily/c.txt", "other/d.txt")
    assert check()["examples"] == ["c.txt"]


@pytest.mark.parametrize("text", [b"<html>", b'{"format": 99, "files": {}}', b"\xff\xfe"])
def test_a_manifest_that_is_no_use_counts_as_none(
    aws: SimpleNamespace, capsys: pytest.CaptureFixture[str], text: bytes
) -> None:
    put(aws, "a.txt")
    put(aws, "_windsock/manifest.json", body=text)
    assert check()["decision"] == "started"
    assert "manifest_unreadable" in capsys.readouterr().out


def test_a_repeated_call_is_the_same_call_to_ecs(aws: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    put(aws, "a.txt")
    tokens = asked(monkeypatch, [{"tasks": [{"taskArn": "t"}]}] * 3, "clientToken")
    check(execution="one")
    check(execution="one")
    check(execution="two")
    assert tokens[0] == tokens[1] != tokens[2]
    assert len(tokens[0]) <= 64


def asked(monkeypatch: pytest.MonkeyPatch, answers: list[dict[str, Any]], field: str) -> list[Any]:
    """Let ECS give these answers to RunTask, which moto never refuses; the result fills with what it was asked."""
    real = boto3.client
    seen: list[Any] = []

    def client(name: str, **options: Any) -> Any:
        made = real(name, **options)
        if name == "ecs":
            made.list_tasks = lambda **_: {"taskArns": []}

            def run_task(**request: Any) -> dict[str, Any]:
                seen.append(request[field])
                return answers[len(seen) - 1]

            made.run_task = run_task
        return made

    monkeypatch.setattr(checker.boto3, "client", client)
    return seen


NO_ROOM = {"tasks": [], "failures": [{"reason": "Capacity is unavailable at this time"}]}


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({"trigger": "schedule"}, "schedule"),
        ({"trigger": "interruption"}, "event"),
        ({"trigger": "manual"}, "manual"),
        ({"trigger": "somebody's"}, "manual"),
        ({}, "manual"),
    ],
)
def test_the_pass_is_told_what_started_it(
    aws: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, event: dict[str, str], told: str
) -> None:
    put(aws, "a.txt")
    overrides = asked(monkeypatch, [{"tasks": [{"taskArn": "t"}]}], "overrides")
    check(**event)
    (container,) = overrides[0]["containerOverrides"]
    (variable,) = container["environment"]
    # As the task's own program reads it.
    environment = {"WINDSOCK_SOURCE": "s3://a-bucket", "WINDSOCK_DATABASE_URL": "postgresql://worker@db/windsock"}
    settings = load(OnePassSettings, {**environment, variable["name"]: variable["value"]})
    assert (container["name"], settings.trigger) == ("worker", told)


def test_no_room_on_spot_takes_the_next(aws: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDSOCK_CAPACITY", "FARGATE_SPOT,FARGATE")
    put(aws, "a.txt")
    strategies = asked(monkeypatch, [NO_ROOM, {"tasks": [{"taskArn": "t"}]}], "capacityProviderStrategy")
    assert check()["task"] == "t"
    assert [it[0]["capacityProvider"] for it in strategies] == ["FARGATE_SPOT", "FARGATE"]


def test_a_refused_task_is_an_error_that_says_why(aws: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    put(aws, "a.txt")
    asked(monkeypatch, [NO_ROOM], "cluster")
    with pytest.raises(checker.CheckError, match="FARGATE: Capacity is unavailable"):
        check()


def test_errors_are_raised_and_logged(
    aws: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WINDSOCK_SOURCE", "s3://no-such-bucket")
    with pytest.raises(SourceError, match="no-such-bucket cannot be listed"):
        check(trigger="schedule")
    line = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (line["level"], line["action"], line["trigger"]) == ("ERROR", "check_failed", "schedule")
    monkeypatch.setenv("WINDSOCK_SOURCE", f"s3://{BUCKET}")
    monkeypatch.setenv("WINDSOCK_MANIFEST", "s3://no-such-bucket/manifest.json")
    with pytest.raises(checker.CheckError, match=r"manifest s3://no-such-bucket/manifest.json cannot be read"):
        check()
    monkeypatch.setenv("WINDSOCK_MANIFEST", MANIFEST)
    monkeypatch.setenv("WINDSOCK_CLUSTER", "no-such-cluster")
    put(aws, "a.txt")
    with pytest.raises(checker.CheckError, match="no-such-cluster"):
        check()


@pytest.mark.usefixtures("aws")
def test_wrong_settings_are_named_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINDSOCK_SOURCE", "/a/folder")
    monkeypatch.setenv("WINDSOCK_CAPACITY", "EC2")
    monkeypatch.delenv("WINDSOCK_CLUSTER")
    with pytest.raises(SettingsError) as raised:
        check()
    assert all(name in str(raised.value) for name in ("WINDSOCK_SOURCE", "WINDSOCK_CAPACITY", "WINDSOCK_CLUSTER"))


def test_each_line_of_the_log_is_json_and_one_is_the_metric(
    aws: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    put(aws, "a.txt")
    check()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("action") for line in lines] == ["check_started", None]
    assert (lines[1]["Checked"], lines[1]["Service"], lines[1]["Environment"]) == (1, "checker", "tests")


def test_the_package_holds_all_that_the_checker_imports(aws: SimpleNamespace, tmp_path: Path) -> None:
    """As Lambda runs it: nothing but the package, the standard library and boto3."""
    put(aws, "a.txt")
    path = package.write("checker", package.project_files(package.CHECKER), tmp_path)
    program = (
        "import sys, worker.checker as checker\n"
        "assert checker.__file__.startswith(sys.argv[1]), checker.__file__\n"
        "print(checker.handler({}, None)['decision'])\n"
        "heavy = {'numpy', 'sqlalchemy', 'psycopg', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    environment = {**unmeasured(), "PYTHONPATH": str(path)}
    command = [sys.executable, "-P", "-c", program, str(path)]
    run = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "started"


def test_the_package_is_the_same_each_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = []
    for folder in ("one", "two"):
        assert package.main(["checker", str(tmp_path / folder)]) == 0
        made.append(Path(capsys.readouterr().out.strip()))
    assert made[0].name == made[1].name
    assert made[0].read_bytes() == made[1].read_bytes()
    with zipfile.ZipFile(made[0]) as opened:
        assert opened.testzip() is None
        assert sorted(opened.namelist()) == sorted(package.CHECKER)
    changed = package.project_files(package.CHECKER) | {"worker/checker.py": b"# another"}
    assert package.write("checker", changed, tmp_path).name != made[0].name
