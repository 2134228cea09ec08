"""What is said of a release, when it is given up, and why it failed.

ECS's answers are those of botocore's Stubber, which holds each against ECS's own description: an alarm, a refusal or
three hours of waiting cannot be had on demand. Real deployments of the emulated ECS are in the rehearsal.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.stub import ANY, Stubber

from deployment import release
from deployment.release import ReleaseWatch
from deployment.session import Place

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ARN = "arn:aws:ecs:us-east-1:123456789012:service-deployment/cluster/api"
REVISION = "arn:aws:ecs:us-east-1:123456789012:service-revision/cluster/api/1"
DEFINITION = "arn:aws:ecs:us-east-1:123456789012:task-definition/api:2"
GROUP = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/green/1"
TASK = "arn:aws:ecs:us-east-1:123456789012:task/cluster/0123456789abcdef"


class Scene:
    """A release as ECS tells it: each answer in its turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, deadline_s: float) -> None:
        monkeypatch.setattr(release, "_PAUSE_S", 0.0)
        self.place = Place("us-east-1", access_key_id="test", secret_access_key="test")
        self.said: list[str] = []
        self._deadline_s = deadline_s
        self._stubs: dict[str, Stubber] = {}
        self._watch: ReleaseWatch | None = None

    def stub(self, service: str) -> Stubber:
        if service not in self._stubs:
            self._stubs[service] = Stubber(self.place.client(service))
            self._stubs[service].activate()
        return self._stubs[service]

    def listed(self, *arns: str) -> None:
        briefs = [{"serviceDeploymentArn": arn, "createdAt": NOW, "status": "IN_PROGRESS"} for arn in arns]
        self.stub("ecs").add_response("list_service_deployments", {"serviceDeployments": briefs}, ANY_LIST)

    def described(self, status: str, stage: str = "", **more: Any) -> None:
        deployment = {
            "serviceDeploymentArn": f"{ARN}/new",
            "createdAt": NOW,
            "status": status,
            "targetServiceRevision": {"arn": REVISION, "requestedTaskCount": 2, "runningTaskCount": 1},
            **({"lifecycleStage": stage} if stage else {}),
            **more,
        }
        expected = {"serviceDeploymentArns": [f"{ARN}/new"]}
        self.stub("ecs").add_response("describe_service_deployments", {"serviceDeployments": [deployment]}, expected)

    def revision(self) -> None:
        resolved = {"loadBalancers": [{"targetGroupArn": GROUP}]}
        revision = {"serviceRevisionArn": REVISION, "taskDefinition": DEFINITION, "resolvedConfiguration": resolved}
        self.stub("ecs").add_response("describe_service_revisions", {"serviceRevisions": [revision]})

    def targets(self, *states: str) -> None:
        described = [
            {"Target": {"Id": f"10.0.0.{number}"}, "TargetHealth": {"State": state, "Description": "answers 503"}}
            for number, state in enumerate(states)
        ]
        self.stub("elbv2").add_response("describe_target_health", {"TargetHealthDescriptions": described})

    def stopped(self, exit_code: int | None = None) -> None:
        arns = [TASK] if exit_code is not None else []
        self.stub("ecs").add_response("list_tasks", {"taskArns": arns})
        if exit_code is not None:
            container = {"name": "api", "exitCode": exit_code}
            task = {
                "taskArn": TASK,
                "taskDefinitionArn": DEFINITION,
                "createdAt": NOW,
                "stoppedReason": "Essential container in task exited",
                "containers": [container],
            }
            self.stub("ecs").add_response("describe_tasks", {"tasks": [task]})

    def known_stopped(self) -> None:
        self.stub("ecs").add_response("list_tasks", {"taskArns": [TASK]})

    def log(self, *lines: str) -> None:
        container = {
            "name": "api",
            "essential": True,
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {"awslogs-group": "/api", "awslogs-stream-prefix": "api"},
            },
        }
        definition = {"taskDefinition": {"containerDefinitions": [container]}}
        self.stub("ecs").add_response("describe_task_definition", definition)
        stream = {"logGroupName": "/api", "logStreamName": "api/api/0123456789abcdef", "limit": 20, "startFromHead": False}
        events = [{"timestamp": 0, "message": line, "ingestionTime": 0} for line in lines]
        self.stub("logs").add_response("get_log_events", {"events": events}, stream)

    @property
    def watch(self) -> ReleaseWatch:
        if self._watch is None:
            self._watch = ReleaseWatch(self.place, "cluster", "api", self._deadline_s, self.said.append)
        return self._watch

    def done(self) -> None:
        for stub in self._stubs.values():
            stub.assert_no_pending_responses()


ANY_LIST = {"cluster": "cluster", "service": "api", "maxResults": ANY}


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], Scene]:
    return lambda deadline_s: Scene(monkeypatch, deadline_s)


def test_each_step_is_said_once(scene: Callable[[float], Scene]) -> None:
    this = scene(600)
    this.listed(f"{ARN}/old")
    assert this.watch
    for _ in range(2):
        this.listed(f"{ARN}/old", f"{ARN}/new")
        this.described("IN_PROGRESS", "SCALE_UP")
        if _ == 0:
            this.revision()
        this.targets("healthy", "unhealthy")
        this.stopped()
    this.listed(f"{ARN}/old", f"{ARN}/new")
    this.described("IN_PROGRESS", "BAKE_TIME", deploymentConfiguration={"bakeTimeInMinutes": 5})
    this.listed(f"{ARN}/old", f"{ARN}/new")
    this.described("SUCCESSFUL", "CLEAN_UP")
    for _ in range(4):
        this.watch.poll()
    assert this.said[:2] == ["release: new tasks: 1 of 2 run", "new tasks: 1 of 2 healthy: answers 503"]
    assert this.said[2].startswith("release: all traffic goes to the new tasks; the old ones stay until ")
    assert this.said[3:] == ["release: done: the old tasks are stopped"]
    this.done()


def test_a_service_that_does_not_exist_yet_has_no_release(scene: Callable[[float], Scene]) -> None:
    this = scene(600)
    this.stub("ecs").add_client_error("list_service_deployments", "ServiceNotFoundException")
    this.stub("ecs").add_client_error("list_service_deployments", "ServiceNotFoundException")
    this.stub("ecs").add_client_error("list_service_deployments", "ServiceNotFoundException")
    this.watch.poll()
    assert this.watch.reason() is None
    assert this.said == []


def test_a_release_that_gets_no_healthy_tasks_is_stopped_and_explained(scene: Callable[[float], Scene]) -> None:
    this = scene(0)
    this.listed()
    this.listed(f"{ARN}/new")
    this.described("IN_PROGRESS", "SCALE_UP")
    this.revision()
    this.targets("unhealthy")
    this.stopped(exit_code=3)
    stop = {"serviceDeploymentArn": f"{ARN}/new", "stopType": "ROLLBACK"}
    this.stub("ecs").add_response("stop_service_deployment", {"serviceDeploymentArn": f"{ARN}/new"}, stop)
    this.watch.poll()
    assert "release: given up, the new tasks had no traffic after 0 s; the old tasks go on answering" in this.said
    this.listed(f"{ARN}/new")
    this.described("ROLLBACK_SUCCESSFUL", rollback={"reason": "Stopped by the user"})
    this.known_stopped()
    this.log("no way to start")
    reason = this.watch.reason()
    assert reason is not None
    for part in (
        "The release was given up: the new tasks had no traffic after 0 s.",
        "Tasks stopped: 1 x Essential container in task exited; api ended with exit code 3",
        "The load balancer's health check failed: answers 503",
        "  no way to start",
    ):
        assert part in reason
    this.done()


def test_a_release_that_an_alarm_takes_back_names_the_alarm(scene: Callable[[float], Scene]) -> None:
    this = scene(600)
    this.listed()
    alarms = {"status": "TRIGGERED", "alarmNames": ["errors", "slow"], "triggeredAlarmNames": ["errors"]}
    for _ in range(2):
        this.listed(f"{ARN}/new")
        this.described("ROLLBACK_IN_PROGRESS", "BAKE_TIME", alarms=alarms)
    this.watch.poll()
    assert this.said == ["release: is being rolled back (alarm errors)"]
    this.revision()
    this.stopped()
    assert this.watch.reason() == "The release is being rolled back: alarm errors"
    this.done()


def test_baking_for_longer_than_the_deadline_is_no_reason_to_stop(scene: Callable[[float], Scene]) -> None:
    this = scene(0)
    this.listed()
    this.listed(f"{ARN}/new")
    this.described("IN_PROGRESS", "BAKE_TIME")
    this.watch.poll()
    assert not any("given up" in line for line in this.said)
    this.done()


def test_what_may_not_be_watched_is_said_once_and_stops_nothing(scene: Callable[[float], Scene]) -> None:
    this = scene(600)
    for _ in range(3):
        this.stub("ecs").add_client_error(
            "list_service_deployments", "AccessDeniedException", "not authorized to perform ecs:ListServiceDeployments"
        )
    this.watch.poll()
    this.watch.poll()
    assert len(this.said) == 1
    assert "ecs:ListServiceDeployments" in this.said[0]


def test_a_refusal_to_stop_is_said(scene: Callable[[float], Scene]) -> None:
    this = scene(0)
    this.listed()
    this.listed(f"{ARN}/new")
    this.described("PENDING")
    this.stub("ecs").add_client_error("stop_service_deployment", "ConflictException", "already in a terminal state")
    this.watch.poll()
    assert "ECS does not stop it" in this.said[-1]
    assert "already in a terminal state" in this.said[-1]
