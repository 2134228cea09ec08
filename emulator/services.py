"""ECS services: tasks kept at their number, registered with the load balancer, and replaced blue/green."""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import alb, ecs

from emulator import health, tasks
from emulator.clock import scaled
from emulator.deployments import Deployment, Revision
from emulator.settings import ACCOUNT, REGION

log = logging.getLogger("emulator")

_PAUSE_S = 0.2
_RELAUNCH_S = 2.0
"""The least time between two starts of tasks. Of those that keep dying it is longer each time, as with ECS, up to:"""
_LONGEST_RELAUNCH_S = 30.0
_DRAIN_S = 30.0
_LONGEST_STOP_S = 120.0
_LIVE = ("PROVISIONING", "PENDING", "ACTIVATING", "RUNNING")

services: dict[str, Service] = {}
"""Those that there are, by `<cluster>/<name>`."""


class Service:
    """One service, looked after by a thread of its own until it is deleted."""

    def __init__(self, record: dict[str, Any]) -> None:
        """Take over what CreateService was asked for; `record` is what DescribeServices answers."""
        self.record = record
        self.cluster = record["clusterArn"].rsplit("/", 1)[-1]
        self.name = record["serviceName"]
        self.desired = int(record["desiredCount"])
        self.current: Revision | None = None
        self.deployments: list[Deployment] = []
        self.revisions: list[Revision] = []
        self._lock = threading.RLock()
        self._deleted = False
        self._registered: dict[str, tuple[str, str]] = {}
        self._registered_at: dict[str, float] = {}
        record["deployments"] = []

    def start(self) -> None:
        """Begin to look after it."""
        threading.Thread(target=self._look_after, name=f"emulator-{self.name}", daemon=True).start()

    def deploy(self, task_definition: str) -> Deployment:
        """Begin to replace what runs. One that is under way is taken back first, as ECS does."""
        with self._lock:
            if self.deployments and not self.deployments[0].done:
                self._take_back(self.deployments[0], "A newer deployment was started.")
            arn = f"{self.record['serviceArn'].replace(':service/', ':service-revision/')}/{time.time_ns()}"
            green = Revision(arn, task_definition, self._free_group(), wanted=self.desired)
            arn = f"{self.record['serviceArn'].replace(':service/', ':service-deployment/')}/{uuid.uuid4().hex[:21]}"
            deployment = Deployment(arn, target=green, source=self.current)
            self.revisions.insert(0, green)
            self.deployments.insert(0, deployment)
            self._event(f"has started a deployment of {task_definition.rsplit('/', 1)[-1]}")
            return deployment

    def resize(self, count: int) -> None:
        """Have so many tasks."""
        with self._lock:
            self.desired = self.record["desiredCount"] = count
            for revision in self.revisions:
                revision.wanted = count if revision.wanted else 0

    def delete(self) -> None:
        """Stop all tasks, wait until they have ended, and be no more."""
        with self._lock:
            self._deleted = True
            ours = {revision.id for revision in self.revisions}
            for revision in self.revisions:
                revision.wanted = 0
                for task in self._tasks(revision):
                    self._stop(task, "Service deleted")
            self._sync_targets()
        ending = [task for task in list(ecs._tasks.values()) if task.get("startedBy") in ours]
        until = time.monotonic() + _LONGEST_STOP_S
        while any(task.get("lastStatus") != "STOPPED" for task in ending) and time.monotonic() < until:
            time.sleep(_PAUSE_S)

    def counts(self, revision: Revision) -> tuple[int, int]:
        """The running and the pending tasks of a revision."""
        found = self._tasks(revision)
        running = sum(task["lastStatus"] == "RUNNING" for task in found)
        return running, len(found) - running

    # ---- looking after it ------------------------------------------------------------------------------------------

    def _look_after(self) -> None:
        while True:
            with request_scope(ACCOUNT, REGION), self._lock:
                if self._deleted:
                    return
                try:
                    self._give_up_unhealthy()
                    for revision in list(self.revisions):
                        self._keep_up(revision)
                    self._sync_targets()
                    if self.deployments and not self.deployments[0].done:
                        self._advance(self.deployments[0])
                    self._write_down()
                except Exception:  # one round that failed is followed by another
                    log.exception("looking after the service %s", self.name)
            time.sleep(_PAUSE_S)

    def _give_up_unhealthy(self) -> None:
        """A task that the load balancer found unhealthy is stopped, and then replaced. ECS replaces it first.

        Its grace period is not scaled: programs start no faster here than on AWS.
        """
        grace_s = float(self.record.get("healthCheckGracePeriodSeconds") or 0)
        for arn, (group, address) in list(self._registered.items()):
            is_over = time.monotonic() - self._registered_at[arn] > grace_s
            if is_over and health.given_up(group, address, self._port()):
                self._event(f"(task {arn.rsplit('/', 1)[-1]}) failed ELB health checks in (target-group {group})")
                self._stop(ecs._tasks[arn], f"Task failed ELB health checks in (target-group {group})")

    def _keep_up(self, revision: Revision) -> None:
        """As many tasks as wanted: dead ones are replaced, spare ones stopped when they are drained."""
        found = self._tasks(revision)
        missing = revision.wanted - len(found)
        now = time.monotonic()
        pause_s = min(_RELAUNCH_S * 1.5**revision.launches, _LONGEST_RELAUNCH_S)
        if missing > 0 and now - revision.launched_at >= (pause_s if revision.launches else 0):
            revision.launched_at = now
            revision.launches += 1
            self._launch(revision, missing)
        elif missing == 0 and now - revision.launched_at > _LONGEST_RELAUNCH_S:
            revision.launches = 0
        elif missing < 0:
            if revision.wanted:
                for task in found[missing:]:
                    self._stop(task, "Scaling activity initiated by deployment")
                return
            if revision.drained_at is None:
                revision.drained_at = now + scaled(_DRAIN_S)
            elif now >= revision.drained_at:
                for task in found:
                    self._stop(task, "Scaling activity initiated by deployment")
        if not revision.wanted and not found:
            self.revisions.remove(revision)

    def _advance(self, deployment: Deployment) -> None:
        """One step on the way, when it can be taken."""
        green, blue = deployment.target, deployment.source
        if deployment.stop_asked:
            self._take_back(deployment, deployment.stop_asked)
        elif alarms := self._alarms_on() if deployment.stage != "CLEAN_UP" else []:
            deployment.triggered = alarms
            self._take_back(deployment, f"Service deployment rolled back because of the alarm(s): {', '.join(alarms)}")
        elif deployment.stage == "RECONCILE_SERVICE":
            deployment.stage = "SCALE_UP"
        elif deployment.stage == "SCALE_UP" and self._settled(green):
            self._shift(green)
            deployment.stage = "BAKE_TIME"
            minutes = float(self.record["deploymentConfiguration"].get("bakeTimeInMinutes") or 0)
            deployment.bake_until = time.monotonic() + scaled(60 * minutes)
            self._event("has shifted the traffic to the new tasks")
        elif deployment.stage == "BAKE_TIME" and time.monotonic() >= (deployment.bake_until or 0):
            deployment.stage = "CLEAN_UP"
            self.current = green
            if blue:
                blue.wanted = 0
        elif deployment.stage == "CLEAN_UP" and (blue is None or blue not in self.revisions):
            deployment.finish("SUCCESSFUL")
            self._event("has reached a steady state")

    def _take_back(self, deployment: Deployment, reason: str) -> None:
        """Back to what ran before: traffic first, then the new tasks go."""
        if deployment.source:
            self._shift(deployment.source)
        deployment.target.wanted = 0
        deployment.finish("ROLLBACK_SUCCESSFUL" if deployment.source else "STOPPED", reason)
        self._event(f"deployment failed: {reason}")

    def _settled(self, revision: Revision) -> bool:
        """Whether all wanted tasks run and, behind a load balancer, are healthy."""
        running = [task for task in self._tasks(revision) if task["lastStatus"] == "RUNNING"]
        if len(running) < revision.wanted:
            return False
        group, port = revision.target_group, self._port()
        return group is None or all(
            health.state(group, ecs._task_ip(task) or "", port) == "healthy" for task in running
        )

    def _alarms_on(self) -> list[str]:
        from ministack.services import cloudwatch  # noqa: PLC0415 - MiniStack loads its services when they are asked

        wanted = self.record["deploymentConfiguration"].get("alarms") or {}
        if not wanted.get("enable"):
            return []
        names = wanted.get("alarmNames") or []
        return [name for name in names if (cloudwatch._alarms.get(name) or {}).get("StateValue") == "ALARM"]

    # ---- tasks and targets -----------------------------------------------------------------------------------------

    def _tasks(self, revision: Revision) -> list[dict[str, Any]]:
        return [
            task
            for task in list(ecs._tasks.values())
            if task.get("startedBy") == revision.id and task.get("lastStatus") in _LIVE
        ]

    def _launch(self, revision: Revision, count: int) -> None:
        answer = ecs._run_task(
            {
                "cluster": self.cluster,
                "taskDefinition": revision.task_definition,
                "count": count,
                "group": f"service:{self.name}",
                "startedBy": revision.id,
                "capacityProviderStrategy": self.record.get("capacityProviderStrategy"),
                "networkConfiguration": self.record.get("networkConfiguration", {}),
            }
        )
        if answer[0] >= 400:
            self._event(f"was unable to place a task: {json.loads(answer[2]).get('message', answer[2])}")

    def _stop(self, task: dict[str, Any], reason: str) -> None:
        # Out of the load balancer's sight first: nothing new is sent to it.
        if target := self._registered.pop(task["taskArn"], None):
            self._withdraw(*target)
        tasks.stop(task, reason)

    def _port(self) -> int:
        return int((self.record.get("loadBalancers") or [{}])[0].get("containerPort") or 80)

    def _sync_targets(self) -> None:
        """Running tasks of live revisions are in their target groups; others are not."""
        wanted: dict[str, tuple[str, str]] = {}
        for revision in self.revisions:
            if revision.target_group is None or (not revision.wanted and not self._has_traffic(revision)):
                continue
            for task in self._tasks(revision):
                address = ecs._task_ip(task)
                if task["lastStatus"] == "RUNNING" and address:
                    wanted[task["taskArn"]] = (revision.target_group, address)
        for arn, target in list(self._registered.items()):
            if wanted.get(arn) != target:
                self._withdraw(*target)
        for arn, (group, address) in wanted.items():
            if self._registered.get(arn) != (group, address):
                alb._targets.setdefault(group, []).append({"Id": address, "Port": self._port()})
                self._registered_at[arn] = time.monotonic()
        self._registered = wanted

    def _withdraw(self, group: str, address: str) -> None:
        alb._targets[group] = [target for target in alb._targets.get(group, []) if target["Id"] != address]

    # ---- the production rule ---------------------------------------------------------------------------------------

    def _balancer(self) -> dict[str, Any]:
        balancers: list[dict[str, Any]] = self.record.get("loadBalancers") or [{}]
        return balancers[0]

    def _groups(self) -> list[str]:
        balancer = self._balancer()
        alternate = (balancer.get("advancedConfiguration") or {}).get("alternateTargetGroupArn")
        return [group for group in (balancer.get("targetGroupArn"), alternate) if group]

    def _free_group(self) -> str | None:
        """The target group that the current tasks are not in."""
        taken = self.current.target_group if self.current else None
        return next((group for group in self._groups() if group != taken), taken)

    def _has_traffic(self, revision: Revision) -> bool:
        return any(
            group["TargetGroupArn"] == revision.target_group and int(group.get("Weight", 0)) > 0
            for group in self._weights()
        )

    def _weights(self) -> list[dict[str, Any]]:
        rule = alb._rules.get((self._balancer().get("advancedConfiguration") or {}).get("productionListenerRule", ""))
        for action in (rule or {}).get("Actions", []):
            if groups := (action.get("ForwardConfig") or {}).get("TargetGroups"):
                return list(groups)
        return []

    def _shift(self, revision: Revision) -> None:
        """All requests to this revision."""
        for group in self._weights():
            group["Weight"] = 100 if group["TargetGroupArn"] == revision.target_group else 0

    # ---- what DescribeServices answers -------------------------------------------------------------------------------

    def _event(self, message: str) -> None:
        event = {"id": str(uuid.uuid4()), "createdAt": time.time(), "message": f"(service {self.name}) {message}."}
        self.record.setdefault("events", []).insert(0, event)
        log.info("service %s %s", self.name, message)

    def _write_down(self) -> None:
        latest = self.deployments[0] if self.deployments else None
        primary = latest.target if latest and not latest.done else self.current
        described = []
        for revision in self.revisions:
            running, pending = self.counts(revision)
            rolling = latest is not None and not latest.done and revision is latest.target
            described.append(
                {
                    "id": revision.id,
                    "status": "PRIMARY" if revision is primary else "ACTIVE",
                    "taskDefinition": revision.task_definition,
                    "desiredCount": revision.wanted,
                    "runningCount": running,
                    "pendingCount": pending,
                    "failedTasks": 0,
                    "rolloutState": "IN_PROGRESS" if rolling else "COMPLETED",
                    "createdAt": latest.created_at if latest else 0,
                    "updatedAt": time.time(),
                }
            )
        self.record["deployments"] = described
        self.record["runningCount"] = sum(entry["runningCount"] for entry in described)
        self.record["pendingCount"] = sum(entry["pendingCount"] for entry in described)
        if self.current:
            self.record["taskDefinition"] = self.current.task_definition
        if latest:
            self.record["currentServiceDeployment"] = latest.arn
