"""How a task ends: each container's own exit code and reason, its last words, nothing of it left behind."""

from __future__ import annotations

import logging
from typing import Any

from docker import errors
from ministack.core.concurrency import resource_lock
from ministack.services import ecs

from emulator.task_logs import wait_for_last_words
from emulator.task_start import TASK_LABEL

log = logging.getLogger("emulator")

_ENDED = ("exited", "dead")


def install() -> None:
    """Put this in the place of MiniStack's own way, which gives all containers the worst exit code."""
    ecs._maybe_mark_stopped = _look
    ecs._remove_docker_container = _remove
    clean_up = ecs._cleanup_task_resources

    def with_volumes(task: dict[str, Any], docker: Any, extra_container: Any = None) -> None:
        docker = docker or ecs._get_docker()
        clean_up(task, docker, extra_container)
        task_id = task.get("taskArn", "").rsplit("/", 1)[-1]
        for volume in docker.volumes.list(filters={"label": f"{TASK_LABEL}={task_id}"}):
            volume.remove(force=True)

    ecs._cleanup_task_resources = with_volumes


def stop_timeouts(task: dict[str, Any]) -> dict[str, int]:
    """How long each container of a task is given to end, in seconds, by its name."""
    definition = ecs._task_defs.get(ecs._resolve_td_key(task["taskDefinitionArn"])) or {}
    return {each["name"]: int(each.get("stopTimeout", 30)) for each in definition.get("containerDefinitions", [])}


def stop_containers(task: dict[str, Any], docker: Any) -> None:
    """End the containers of a task that still run, each with its own time for it, and note how each ended."""
    timeouts = stop_timeouts(task)
    for container, docker_id in zip(task["containers"], list(task.get("_docker_ids") or []), strict=False):
        try:
            found = docker.containers.get(docker_id)
            found.stop(timeout=timeouts.get(container["name"], 30))
            found.reload()
        except errors.APIError as error:
            log.info("container %s: %s", docker_id, error)
        else:
            _note_end(container, found)


def _look(task: dict[str, Any], docker: Any = None) -> None:
    """Bring the record of a running task up to its containers; end the task when an essential one has ended."""
    arn = task.get("taskArn", "")
    with resource_lock("ecs-task", arn):
        if not ecs._task_is_active(arn, task) or task.get("lastStatus") != "RUNNING" or not task.get("_docker_ids"):
            return
        docker_ids = list(task["_docker_ids"])
        essentials = list(task.get("_container_essentials") or [])
    docker = docker or ecs._get_docker()
    essential_ended, running = False, False
    for index, docker_id in enumerate(docker_ids):
        try:
            found = docker.containers.get(docker_id)
        except errors.NotFound:
            # Removed behind the emulator's back: it runs no more, and nobody knows how it ended.
            task["containers"][index] |= {"lastStatus": "STOPPED", "reason": "The container was removed"}
            essential_ended |= essentials[index] if index < len(essentials) else True
            continue
        except errors.DockerException as error:
            log.warning("container %s cannot be looked at: %s", docker_id, error)
            return
        _note_health(task, index, found)
        if found.status in _ENDED:
            _note_end(task["containers"][index], found)
            essential_ended |= essentials[index] if index < len(essentials) else True
        else:
            running = True
    if not essential_ended and running:
        return
    with resource_lock("ecs-task", arn):
        if task.get("lastStatus") != "RUNNING":
            return
        task["lastStatus"] = "STOPPING"
    stop_containers(task, docker)
    for docker_id in docker_ids:
        wait_for_last_words(docker_id)
    if ecs._mark_task_stopped(arn, task, "Essential container in task exited", "EssentialContainerExited"):
        ecs._cleanup_task_resources(task, docker)


def _note_end(container: dict[str, Any], found: Any) -> None:
    state = found.attrs["State"]
    container["lastStatus"] = "STOPPED"
    container["exitCode"] = state["ExitCode"]
    if state.get("OOMKilled"):
        container["reason"] = "OutOfMemoryError: Container killed due to memory usage"


def _note_health(task: dict[str, Any], index: int, found: Any) -> None:
    health = (found.attrs["State"].get("Health") or {}).get("Status")
    known = {"healthy": "HEALTHY", "unhealthy": "UNHEALTHY"}
    if health:
        task["containers"][index]["healthStatus"] = known.get(health, "UNKNOWN")
        found_health = {each["healthStatus"] for each in task["containers"]}
        task["healthStatus"] = next((each for each in ("UNHEALTHY", "HEALTHY") if each in found_health), "UNKNOWN")


def _remove(docker: Any, container_or_id: Any) -> None:
    """Remove a container once all that it printed has been read."""
    if container_or_id is None:
        return
    try:
        found = docker.containers.get(getattr(container_or_id, "id", container_or_id))
        found.stop(timeout=5)
        wait_for_last_words(found.id)
        found.remove(v=True, force=True)
    except errors.NotFound:
        return
    except errors.APIError as error:
        log.warning("container %s cannot be removed: %s", container_or_id, error)
