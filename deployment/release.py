"""Watching a release while CloudFormation waits for it: what happens, when to give it up, and why it failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from deployment import task
from deployment.events import Say
from deployment.session import Place, explain

# In these stages the new tasks are still on their way to the traffic; later ones take the time that they are given.
_BEFORE_TRAFFIC = (
    "RECONCILE_SERVICE",
    "PRE_SCALE_UP",
    "SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
)
_STAGES = {
    "RECONCILE_SERVICE": "an earlier release is being tidied up",
    "POST_SCALE_UP": "the new tasks are healthy; the old ones still answer",
    "TEST_TRAFFIC_SHIFT": "test traffic goes to the new tasks",
    "POST_TEST_TRAFFIC_SHIFT": "the new tasks are being tried",
    "PRODUCTION_TRAFFIC_SHIFT": "the traffic is being shifted to the new tasks",
    "POST_PRODUCTION_TRAFFIC_SHIFT": "the new tasks answer",
    "CLEAN_UP": "the old tasks are being stopped",
}
_STATUSES = {
    "PENDING": "is waiting to begin",
    "STOP_REQUESTED": "is being stopped",
    "STOPPED": "was stopped",
    "SUCCESSFUL": "done: the old tasks are stopped",
    "ROLLBACK_REQUESTED": "is to be rolled back",
    "ROLLBACK_IN_PROGRESS": "is being rolled back",
    "ROLLBACK_SUCCESSFUL": "was rolled back: the old tasks answer",
    "ROLLBACK_FAILED": "was to be rolled back, and that failed",
}
_FAILED = (
    "STOPPED",
    "STOP_REQUESTED",
    "ROLLBACK_REQUESTED",
    "ROLLBACK_IN_PROGRESS",
    "ROLLBACK_SUCCESSFUL",
    "ROLLBACK_FAILED",
)
_STOPPED_BY_ECS = ("ServiceSchedulerInitiated", "UserInitiated")
_PAUSE_S = 1.0
_MOST_REASONS = 5


class ReleaseWatch:
    """Watches the deployment of an ECS service that an update of its stack begins.

    Nothing that goes wrong with the watching itself stops the update: it is said once, and the update goes on.
    """

    def __init__(self, place: Place, cluster: str, service: str, deadline_s: float, say: Say) -> None:
        """Remember which deployments there are: a later one belongs to the update.

        Args:
            place: The account and region.
            cluster: The name of the cluster.
            service: The name of the service; it need not exist yet.
            deadline_s: A release whose tasks have no traffic after so many seconds is stopped. Baking does not count.
            say: Shows a line.
        """
        self._place = place
        self._ecs = place.client("ecs")
        self._cluster = cluster
        self._service = service
        self._deadline_s = deadline_s
        self._say = say
        self._ours: str | None = None
        self._deployment: dict[str, Any] = {}
        self._revision: dict[str, Any] = {}
        self._begun = 0.0
        self._given_up: str | None = None
        self._said: dict[str, str] = {}
        self._health: dict[str, str] = {}
        self._stopped: dict[str, dict[str, Any]] = {}
        self._looked_at = 0.0
        self._trouble: str | None = None
        self._before: set[str] = set()
        try:
            self._before = {each["serviceDeploymentArn"] for each in self._listed()}
        except (BotoCoreError, ClientError) as error:
            self._cannot_watch(error)

    def poll(self) -> None:
        """Look once, say what is new, and give the release up when its time is over. Called every few seconds."""
        if time.monotonic() - self._looked_at < _PAUSE_S:
            return
        self._looked_at = time.monotonic()
        try:
            self._look()
        except (BotoCoreError, ClientError) as error:
            self._cannot_watch(error)

    def reason(self) -> str | None:
        """Why the release failed; None where nothing is known that CloudFormation does not say itself."""
        try:
            self._look()
            if not self._given_up and self._deployment.get("status") not in _FAILED:
                return self._trouble
            self._collect_stopped()
        except (BotoCoreError, ClientError) as error:
            self._cannot_watch(error)
            return self._trouble
        lines = [self._cause(), *self._symptoms()]
        return "\n".join(line for line in lines if line)

    def _look(self) -> None:
        fresh = [each for each in self._listed() if each["serviceDeploymentArn"] not in self._before]
        if not fresh:
            return
        fresh.sort(key=lambda each: each["createdAt"])
        if self._ours is None:
            self._ours = fresh[0]["serviceDeploymentArn"]
            self._begun = time.monotonic()
        arns = [each["serviceDeploymentArn"] for each in fresh]
        described = self._ecs.describe_service_deployments(serviceDeploymentArns=arns[-20:])["serviceDeployments"]
        for deployment in sorted(described, key=lambda each: each["createdAt"]):
            if deployment["serviceDeploymentArn"] == self._ours:
                self._deployment = deployment
                self._tell("release", deployment)
                self._look_after(deployment)
            else:
                # CloudFormation takes its own step back by another deployment, to what ran before.
                self._tell("going back", deployment)

    def _look_after(self, deployment: Mapping[str, Any]) -> None:
        stage = deployment.get("lifecycleStage", "")
        waiting = deployment["status"] == "PENDING" or (
            deployment["status"] == "IN_PROGRESS" and stage in ("", *_BEFORE_TRAFFIC)
        )
        if deployment["status"] == "IN_PROGRESS" and waiting:
            self._look_at_targets()
            self._collect_stopped()
            for reason in task.summed_up(self._stopped.values())[:_MOST_REASONS]:
                what = reason.partition(" x ")[2]  # how many they are is said at the end
                self._once(f"stopped {what}", f"tasks stop: {what}")
        if waiting and not self._given_up and time.monotonic() - self._begun > self._deadline_s:
            self._give_up(deployment["serviceDeploymentArn"])

    def _give_up(self, deployment: str) -> None:
        self._given_up = f"the new tasks had no traffic after {_minutes(self._deadline_s)}"
        self._say(f"release: given up, {self._given_up}; the old tasks go on answering")
        try:
            self._ecs.stop_service_deployment(serviceDeploymentArn=deployment, stopType="ROLLBACK")
        except ClientError as error:
            self._say(
                f"release: ECS does not stop it: {explain(error)} CloudFormation waits up to three hours; it gives up "
                f"at once when the service {self._service} is deleted in the console."
            )

    def _listed(self) -> list[dict[str, Any]]:
        """The deployments of the last days, the newest first; none where there is no such service yet."""
        try:
            answer = self._ecs.list_service_deployments(cluster=self._cluster, service=self._service, maxResults=50)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("ServiceNotFoundException", "ClusterNotFoundException"):
                return []
            raise
        listed: list[dict[str, Any]] = answer.get("serviceDeployments", [])
        return listed

    def _tell(self, what: str, deployment: Mapping[str, Any]) -> None:
        status, stage = deployment["status"], deployment.get("lifecycleStage", "")
        if status == "IN_PROGRESS":
            text = self._progress(stage, deployment)
        else:
            text = _STATUSES.get(status, status.lower().replace("_", " "))
            if status in _FAILED:
                text += f" ({why})" if (why := _why(deployment)) else ""
        if text:
            self._once(deployment["serviceDeploymentArn"], f"{what}: {text}")

    def _progress(self, stage: str, deployment: Mapping[str, Any]) -> str:
        target = deployment.get("targetServiceRevision", {})
        wanted, running = target.get("requestedTaskCount", 0), target.get("runningTaskCount", 0)
        if stage == "BAKE_TIME":
            minutes = deployment.get("deploymentConfiguration", {}).get("bakeTimeInMinutes", 0)
            key = f"bake {deployment['serviceDeploymentArn']}"
            until = self._said.setdefault(key, f"{datetime.now(UTC) + timedelta(minutes=minutes):%H:%M:%S}")
            return f"all traffic goes to the new tasks; the old ones stay until {until} UTC, should an alarm go off"
        if stage == "SCALE_UP" or (not stage and wanted):
            return f"new tasks: {running} of {wanted} run"
        weight = target.get("requestedProductionTrafficWeight")
        if stage == "PRODUCTION_TRAFFIC_SHIFT" and weight:
            return f"{weight:g} % of the traffic go to the new tasks"
        return _STAGES.get(stage, "")

    def _look_at_targets(self) -> None:
        """How the load balancer finds the new tasks. It forgets them when they are stopped: remembered here."""
        client = self._place.client("elbv2")
        for group in self._target_groups():
            targets = client.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
            states = {each["Target"]["Id"]: each["TargetHealth"] for each in targets}
            for address, health in states.items():
                if health["State"] == "unhealthy":
                    self._health[address] = health.get("Description") or health.get("Reason", "no reason is given")
                else:
                    self._health.pop(address, None)
            healthy = sum(health["State"] == "healthy" for health in states.values())
            if states:
                why = f": {next(iter(self._health.values()))}" if self._health else ""
                self._once(f"health {group}", f"new tasks: {healthy} of {len(states)} healthy{why}")

    def _target_groups(self) -> list[str]:
        """Those that the new tasks are registered in."""
        balancers = self._described_revision().get("resolvedConfiguration", {}).get("loadBalancers", [])
        return [balancer["targetGroupArn"] for balancer in balancers if balancer.get("targetGroupArn")]

    def _described_revision(self) -> dict[str, Any]:
        arn = self._deployment.get("targetServiceRevision", {}).get("arn")
        # What it resolves to is known a moment after it began.
        if arn and not self._revision.get("resolvedConfiguration"):
            found = self._ecs.describe_service_revisions(serviceRevisionArns=[arn])["serviceRevisions"]
            self._revision = found[0] if found else {}
        return self._revision

    def _collect_stopped(self) -> None:
        """The tasks of the new revision that have stopped."""
        definition = self._described_revision().get("taskDefinition")
        arns = self._ecs.list_tasks(
            cluster=self._cluster, serviceName=self._service, desiredStatus="STOPPED", maxResults=100
        )["taskArns"]
        if fresh := [arn for arn in arns if arn not in self._stopped]:
            for found in self._ecs.describe_tasks(cluster=self._cluster, tasks=fresh)["tasks"]:
                since = self._deployment.get("createdAt", found["createdAt"])
                if found["taskDefinitionArn"] == definition and found["createdAt"] >= since:
                    self._stopped[found["taskArn"]] = found

    def _cause(self) -> str:
        if self._given_up:
            return f"The release was given up: {self._given_up}."
        why = _why(self._deployment)
        status = _STATUSES.get(self._deployment["status"], self._deployment["status"])
        return f"The release {status}{f': {why}' if why else ''}"

    def _symptoms(self) -> list[str]:
        lines = [f"Tasks stopped: {reason}" for reason in task.summed_up(self._stopped.values())[:_MOST_REASONS]]
        reasons = dict.fromkeys(self._health.values())
        lines += [f"The load balancer's health check failed: {reason}" for reason in list(reasons)[:_MOST_REASONS]]
        try:
            if self._stopped:
                # Those that ECS stopped itself have nothing to say of the cause.
                own = [each for each in self._stopped.values() if each.get("stopCode") not in _STOPPED_BY_ECS]
                newest = max(own or self._stopped.values(), key=lambda each: each["createdAt"])
                last = task.ended(self._place, newest)
                lines.append(
                    f"The newest of them is {task.short_id(last.task)}." + task.quoted(last.log, last.log_address)
                )
        except (BotoCoreError, ClientError) as error:
            lines.append(f"Its log cannot be read: {explain(error)}")
        return lines

    def _once(self, key: str, line: str) -> None:
        if self._said.get(key) != line:
            self._said[key] = line
            self._say(line)

    def _cannot_watch(self, error: Exception) -> None:
        self._trouble = f"The release could not be watched: {explain(error)}"
        self._once("trouble", self._trouble)


def watch_of(place: Place, deadline_s: float) -> Callable[[str, Mapping[str, str], Say], ReleaseWatch | None]:
    """What gives a stack that has a service its watch, and other stacks none; for `Deployment.watch`."""

    def watch(which: str, parameters: Mapping[str, str], say: Say) -> ReleaseWatch | None:
        if which != "api":
            return None
        return ReleaseWatch(place, parameters["ClusterName"], parameters["ApiServiceName"], deadline_s, say)

    return watch


def _why(deployment: Mapping[str, Any]) -> str:
    """What ECS says of a deployment that did not end well."""
    alarms = deployment.get("alarms", {})
    triggered = alarms.get("triggeredAlarmNames", []) if alarms.get("status") == "TRIGGERED" else []
    said = [deployment.get("statusReason"), deployment.get("rollback", {}).get("reason")]
    said += [f"alarm {name}" for name in triggered if not any(name in text for text in said if text)]
    return "; ".join(dict.fromkeys(text for text in said if text))


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:g} minutes" if seconds >= 60 else f"{seconds:g} s"
