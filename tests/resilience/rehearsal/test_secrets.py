"""No password of the database in anything that a deployment leaves to read, searched for place by place."""

from __future__ import annotations

import contextlib

import pytest

from tests.acceptance.client import Answer, get
from tests.collector import Collector, collecting
from tests.conftest import wait_until
from tests.resilience.rehearsal.cloud import SECRETS, Cloud, docker
from tests.resilience.rehearsal.places import Places
from tests.resilience.rehearsal.planting import NOT_PLANTED, planted
from tests.resilience.trials import Trial

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

MISTAKES = (
    "/api/weather?password=1", "/api/weather?start_date=yesterday", "/api/weather?cursor=x", "/api/nothing",
    "/api/stations/NOBODY", "/api/ingestions?page=0", "/health/ready",
)  # fmt: skip
"""Requests that are answered with an error, and one that asks the database."""


def test_no_password_is_in_anything_that_a_deployment_leaves_to_read(cloud: Cloud, trial: Trial) -> None:
    trial.what = "passwords of the three roles, now and before, looked for; and one that was put everywhere"
    if not cloud.rehearsal.printed:
        assert cloud.rehearsal.play("playbooks/status.yml").code == 0
    with collecting(docker("network", "inspect", "bridge", "--format", GATEWAY).strip()) as collector:
        answers = traced(cloud, collector)
    places = Places(cloud, [collector.received], answers)
    with planted(places) as secret:
        found = places.search({"planted": secret, **passwords(cloud)})
    trial.times = len(found) - 1
    everywhere = found.pop("planted")
    trial.lost = sum(len(kinds) for kinds in found.values())
    trial.seen = f"{len(places.all())} kinds of places; the one that was put into {len(everywhere)} was found in each"
    assert set(places.all()) - everywhere == NOT_PLANTED
    assert found == {name: set() for name in found}


GATEWAY = "{{(index .IPAM.Config 0).Gateway}}"


def passwords(cloud: Cloud) -> dict[str, str]:
    """The roles' passwords, and those that they had before a rotation."""
    found = {}
    for role, output in SECRETS.items():
        arn = cloud.rehearsal.outputs("database")[output]
        stages = cloud.client("secretsmanager").describe_secret(SecretId=arn)["VersionIdsToStages"].values()
        for stage in {name for names in stages for name in names} & {"AWSCURRENT", "AWSPREVIOUS"}:
            found[f"{role}, {stage}"] = cloud.secret(role, stage)["password"]
    return found


def traced(cloud: Cloud, collector: Collector) -> list[Answer]:
    """Answers of an API that is traced, to mistakes among others; the worker has a traced pass, too."""
    tracing = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.address, "OTEL_TRACES_SAMPLER_ARG": "1"}
    api = cloud.run_task(cloud.rehearsal.outputs("api")["ApiTaskDefinitionArn"], "api", **tracing)
    address = docker("inspect", "--format", "{{.NetworkSettings.IPAddress}}", cloud.container(api)).strip()
    url = f"http://{address}:8000"
    wait_until(lambda: answers(url), "the traced API answers", 60)
    given = [get(url + path) for path in MISTAKES] + [get(cloud.rehearsal.url + path) for path in MISTAKES]
    assert {answer.status for answer in given} == {200, 400, 404}
    assert cloud.ended(cloud.run_worker(**tracing))["containers"][0]["exitCode"] == 0
    cluster = cloud.rehearsal.outputs("cluster")["ClusterName"]
    cloud.client("ecs").stop_task(cluster=cluster, task=api, reason="The trial is over")
    cloud.ended(api)
    assert {resource["service.name"] for resource in collector.resources} == {"windsock-api", "windsock-worker"}
    return given


def answers(url: str) -> bool:
    """Whether an API is up."""
    with contextlib.suppress(OSError):
        return get(f"{url}/health/live").status == 200
    return False
