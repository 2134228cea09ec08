"""Starting a task's containers: image, volumes, shared network, health checks; and why one could not be started."""

from __future__ import annotations

import functools
import logging
import platform
from typing import Any

from docker import errors
from ministack.core.responses import error_response_json, request_scope
from ministack.services import ecs

from emulator import recorded
from emulator.settings import LABEL, port

log = logging.getLogger("emulator")

TASK_LABEL = f"{LABEL}.task"
_NANOSECONDS = 1_000_000_000
_ARCHITECTURES = {"x86_64": "linux/amd64", "amd64": "linux/amd64", "aarch64": "linux/arm64", "arm64": "linux/arm64"}


class StartError(Exception):
    """A container was made and does not start: its program is not there, for instance."""


def install() -> None:
    """Put this in the place of MiniStack's own way."""
    ecs._run_docker_container = _run
    ecs._run_task_worker = _start_and_watch
    ecs._ACTION_MAP["RunTask"] = _with_docker_only(ecs._ACTION_MAP["RunTask"])
    build = ecs._build_run_kwargs

    @functools.wraps(build)
    def complete(container: dict[str, Any], definition: dict[str, Any], *rest: Any) -> dict[str, Any]:
        options = build(container, definition, *rest)
        return _completed(options, container, definition, task_arn=rest[5])

    ecs._build_run_kwargs = complete


def _with_docker_only(run: Any) -> Any:
    """Without Docker, MiniStack tells of tasks that run and have nothing behind them."""

    def repaired(data: dict[str, Any]) -> Any:
        if ecs._get_docker() is None:
            message = "Docker does not answer, and without containers there are no tasks."
            return error_response_json("ServerException", message, 500)
        return run(data)

    return repaired


def _completed(
    options: dict[str, Any], container: dict[str, Any], definition: dict[str, Any], task_arn: str
) -> dict[str, Any]:
    """What one container needs to know of the others of its task, its volumes, its health check."""
    task_id = task_arn.rsplit("/", 1)[-1]
    options["labels"] = {**options["labels"], LABEL: str(port()), TASK_LABEL: task_id}
    first = next(iter((ecs._tasks.get(task_arn) or {}).get("_docker_ids") or []), None)
    if first:
        # The containers of a task have one address: a program finds its sidecar at 127.0.0.1.
        options = {key: value for key, value in options.items() if key not in ("network", "ports", "extra_hosts")}
        options["network_mode"] = f"container:{first}"
    if check := container.get("healthCheck"):
        options["healthcheck"] = {
            "test": check["command"],
            "interval": int(check.get("interval", 30)) * _NANOSECONDS,
            "timeout": int(check.get("timeout", 5)) * _NANOSECONDS,
            "retries": int(check.get("retries", 3)),
            "start_period": int(check.get("startPeriod", 0)) * _NANOSECONDS,
        }
    else:
        options["healthcheck"] = {"test": ["NONE"]}  # ECS does not look at the one of an image
    options.pop("tmpfs", None)
    options["volumes"] = {
        f"windsock-{task_id}-{point['sourceVolume']}": {
            "bind": point["containerPath"],
            "mode": "ro" if point.get("readOnly") else "rw",
        }
        for point in container.get("mountPoints", [])
    }
    wanted = options.pop("platform", None)
    here = _ARCHITECTURES.get(platform.machine().lower())
    if wanted and wanted != here:
        recorded.note(
            "AWS::ECS::TaskDefinition (architecture)",
            f"that the images run on {wanted}: they run on {here}",
            str(definition.get("family", "")),
            str(container.get("name", "")),
        )
    return options


def _run(docker: Any, container: dict[str, Any], options: dict[str, Any], **pulling: Any) -> Any:
    """Pull, make and start one container; leave nothing of one that does not start."""
    image = container["image"]
    _pull(docker, image, pulling.get("auth_config"))
    for name, mount in options["volumes"].items():
        _make_volume(docker, image, name, mount, options["labels"])
    made = docker.containers.create(image, **{key: value for key, value in options.items() if key != "detach"})
    try:
        made.start()
    except errors.APIError as error:
        made.remove(v=True, force=True)
        raise StartError(str(error.explanation or error)) from error
    return made


def _pull(docker: Any, image: str, credentials: Any) -> None:
    """Fargate has no cache: what the registry has not, no task runs, even if this machine still has it from before."""
    own = image.startswith(f"localhost:{port()}/")
    if not own and _is_here(docker, image):
        return
    try:
        docker.images.pull(image, **({"auth_config": credentials} if credentials else {}))
    except errors.DockerException as error:
        said = getattr(error, "explanation", None) or error
        raise ecs._ImagePullError(
            f"pull image manifest has been retried 1 time(s): failed to resolve ref {image}: {said}"
        ) from error


def _is_here(docker: Any, image: str) -> bool:
    try:
        docker.images.get(image)
    except errors.ImageNotFound:
        return False
    return True


def _make_volume(docker: Any, image: str, name: str, mount: dict[str, str], labels: dict[str, str]) -> None:
    """An empty folder of the task's own, with the rights that it has on Fargate.

    Only where the image declares the folder (`VOLUME`), content and owner are taken from there, by Docker, when a new
    volume is mounted. Any other folder is root's, and nobody else may write into it.
    """
    docker.volumes.create(name, labels={key: labels[key] for key in (LABEL, TASK_LABEL)})
    declared = docker.images.get(image).attrs["Config"].get("Volumes") or {}
    if mount["bind"] not in declared:
        mount["mode"] += ",nocopy"


def _start_and_watch(
    task: dict[str, Any], definition: dict[str, Any], overrides: Any, docker: Any, account: str, region: str
) -> None:
    with request_scope(account, region):
        try:
            ecs._start_task_worker(task, definition, overrides, docker)
            if task.get("lastStatus") == "RUNNING":
                ecs._watch_task_lifecycle(task, docker, account, region)
        except ecs._SecretResolutionError as error:
            _failed(
                task,
                docker,
                "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval "
                f"failed: {error}",
            )
        except ecs._ImagePullError as error:
            _failed(task, docker, f"CannotPullContainerError: {error}")
        except StartError as error:
            _failed(task, docker, f"CannotStartContainerError: {error}")
        except Exception as error:
            log.exception("task %s", task["taskArn"])
            _failed(task, docker, f"ResourceInitializationError: unable to start the container: {error}")


def _failed(task: dict[str, Any], docker: Any, reason: str) -> None:
    """A task that was never started. The container that is to blame says why, too."""
    for container in task["containers"]:
        if container.get("lastStatus") != "RUNNING":
            container["reason"] = reason
            break
    ecs._fail_task_start(task, docker, reason)
