"""ECS: what of a task definition MiniStack leaves out when it starts the containers."""

from __future__ import annotations

from typing import Any

from ministack.core.concurrency import resource_lock, spawn_background
from ministack.core.responses import error_response_json, json_response
from ministack.services import ecs
from ministack.services.cloudformation import provisioners

from emulator.cloudformation import HANDLERS, Create, Made, Properties, off_loop, repair
from emulator.task_end import stop_containers
from emulator.task_logs import wait_for_last_words

_KIND = "AWS::ECS::TaskDefinition"
_AS_GIVEN = {"options", "Options", "dockerLabels", "DockerLabels"}
_NUMBERS = ("cpu", "memory", "memoryReservation", "startTimeout", "stopTimeout")


def install() -> None:
    """Repair the type, and what starts the containers."""
    provisioners._normalize_container_defs = _camel
    repair(_KIND, _whole)
    provisioners._ecs_task_def_create = HANDLERS[_KIND]["create"]
    off_loop(_KIND)
    _give_credentials()
    _keep_to_the_definition()
    ecs._ACTION_MAP["StopTask"] = _stop_task


def stop(task: dict[str, Any], reason: str, code: str = "ServiceSchedulerInitiated") -> None:
    """Ask a task's containers to end, give them their `StopTimeout`, and remove them.

    Returns at once. MiniStack's own way says that a task has stopped with 0 before its containers do.
    """
    with resource_lock("ecs-task", task["taskArn"]):
        if task.get("lastStatus") in ("STOPPING", "STOPPED"):
            return
        task["lastStatus"] = "STOPPING"

    def end() -> None:
        docker = ecs._get_docker()
        stop_containers(task, docker)
        for docker_id in task.get("_docker_ids") or []:
            wait_for_last_words(docker_id)
        ecs._mark_task_stopped(task["taskArn"], task, reason, code)
        ecs._cleanup_task_resources(task, docker)

    spawn_background(end, thread_name="emulator-stop")


class NoTaskError(Exception):
    """There is no such task that runs on Spot; the message says so."""


def interrupt(arn: str) -> dict[str, str]:
    """Take a task away as Spot does: it is asked to end, killed when its time is over, and the reason is said.

    Returns:
        `task`, its ARN. It may not have ended yet.

    Raises:
        NoTaskError: There is none of that ARN, or Spot has no power over it.
    """
    task = ecs._tasks.get(arn)
    if task is None or task.get("capacityProviderName") != "FARGATE_SPOT":
        raise NoTaskError(f"There is no task {arn} on Spot")
    stop(task, "Your Spot Task was interrupted.", "SpotInterruption")
    return {"task": arn}


def _stop_task(data: dict[str, Any]) -> Any:
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    task = ecs._resolve_task(data.get("task", ""), cluster) if cluster else None
    if not task:
        return error_response_json("InvalidParameterException", "The referenced task was not found.", 400)
    stop(task, data.get("reason", "Task stopped by user"), "UserInitiated")
    return json_response({"task": ecs._sanitize(task)})


def _camel(value: Any, key: str | None = None) -> Any:
    """A template's names as the API has them. MiniStack's own way loses `Secrets` and more."""
    if isinstance(value, list):
        return [_camel(entry) for entry in value]
    if isinstance(value, dict) and key not in _AS_GIVEN:
        return {provisioners._cfn_to_camel(name): _camel(entry, name) for name, entry in value.items()}
    return value


def _whole(create: Create) -> Create:
    def repaired(name: str, properties: Properties, stack: str) -> Made:
        made = create(name, properties, stack)
        definition = ecs._task_defs[ecs._resolve_td_key(made[0])]
        for key in ("RuntimePlatform", "EphemeralStorage", "Volumes"):
            if properties.get(key):
                definition[provisioners._cfn_to_camel(key)] = _camel(properties[key])
        for container in definition["containerDefinitions"]:
            container.update({key: int(container[key]) for key in _NUMBERS if key in container})
        return made

    return repaired


def _give_credentials() -> None:
    """A program finds its credentials and its region as on Fargate.

    botocore asks for credentials at 169.254.170.2 or on the own machine only: here they are handed over directly.
    """
    register = ecs._register_metadata

    def repaired(
        task: str, cluster: str, definition: Any, container: Any, kind: str, env: dict[str, str], *rest: Any
    ) -> Any:
        token = register(task, cluster, definition, container, kind, env, *rest)
        region, account = task.split(":")[3:5]
        for key in ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN"):
            env.pop(key, None)
        given = {
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_EXECUTION_ENV": "AWS_ECS_FARGATE",
            "AWS_ACCESS_KEY_ID": account,
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        for key, value in given.items():
            env.setdefault(key, value)
        return token

    ecs._register_metadata = repaired


def _keep_to_the_definition() -> None:
    """The entry point, the user, the read-only root, the init process, the memory."""
    build = ecs._build_run_kwargs

    def repaired(container: dict[str, Any], definition: dict[str, Any], *rest: Any) -> dict[str, Any]:
        options: dict[str, Any] = build(container, definition, *rest)
        if container.get("entryPoint"):
            options["entrypoint"] = container["entryPoint"]
        if container.get("user"):
            options["user"] = str(container["user"])
        if container.get("workingDirectory"):
            options["working_dir"] = container["workingDirectory"]
        options["read_only"] = bool(container.get("readonlyRootFilesystem"))
        options["init"] = bool((container.get("linuxParameters") or {}).get("initProcessEnabled"))
        if memory := container.get("memory") or definition.get("memory"):
            options["mem_limit"] = options["memswap_limit"] = f"{int(memory)}m"
        return options

    ecs._build_run_kwargs = repaired
