"""The checker: an AWS Lambda function that starts a pass of the ingestion when a weather file is new, and only then.

It lists the source, compares it with the manifest that the last pass published, and calls ECS RunTask. It needs no
database and nothing but the standard library, boto3 and the modules that it shares with the worker, which keep to the
same: `worker.package` puts them into its deployment package.

Its event is a JSON object; all of it may be left out:

    {"trigger": "schedule" | "interruption" | "manual", "execution": "<id of the call>", "force": true}

`force` starts a pass although nothing is new. The pass is told what started it: see `worker.trigger`. Whatever goes
wrong is raised: Lambda and the Scheduler try again, and what they give up goes to the queue of dead letters.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from runtime.environment import load, variable
from runtime.settings import DeploymentSettings
from worker import manifest, metrics, trigger
from worker.sources import open_source, parse_address
from worker.sources.s3 import client as s3_client
from worker.sources.settings import AccessSettings

SERVICE = "checker"
METRIC = "Checked"
EXAMPLES = 10
"""So many of the new files are named in what is returned and logged."""

STARTED_BY = "windsock-checker"

TRIGGERS = {"schedule": trigger.SCHEDULE, "interruption": trigger.EVENT}
"""What a pass is told, by what called the checker; anything else is a person."""


class CheckError(Exception):
    """The check could not be made or the pass not be started; the text says why and what to look at."""


def _bucket(text: str) -> str:
    address = parse_address(text)
    if not address.startswith("s3://"):
        raise ValueError("not a bucket")
    return address


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise ValueError("it names nothing")
    return names


def _capacity(text: str) -> tuple[str, ...]:
    names = _names(text)
    if not set(names) <= {"FARGATE", "FARGATE_SPOT"}:
        raise ValueError("neither FARGATE nor FARGATE_SPOT")
    return names


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckerSettings(AccessSettings, DeploymentSettings):
    """What the checker is told by its environment."""

    source: str = variable(
        "WINDSOCK_SOURCE",
        holds="the s3://bucket/prefix with the weather files",
        parse=_bucket,
        required=True,
    )
    manifest: str = variable(
        "WINDSOCK_MANIFEST",
        holds="the s3:// address where a pass writes what it has loaded",
        parse=_bucket,
        required=True,
    )
    cluster: str = variable("WINDSOCK_CLUSTER", holds="the ARN or name of the ECS cluster", parse=str, required=True)
    task_definition: str = variable(
        "WINDSOCK_TASK_DEFINITION",
        holds="the ARN of the worker's task definition, or its family:revision",
        parse=str,
        required=True,
    )
    subnets: tuple[str, ...] = variable(
        "WINDSOCK_SUBNETS", holds="the subnets of the task, joined by commas", parse=_names, required=True
    )
    security_groups: tuple[str, ...] = variable(
        "WINDSOCK_SECURITY_GROUPS",
        holds="the security groups of the task, joined by commas",
        parse=_names,
        required=True,
    )
    capacity: tuple[str, ...] = variable(
        "WINDSOCK_CAPACITY",
        holds="FARGATE, FARGATE_SPOT or both joined by a comma: what the task runs on, the next where there is no room",
        parse=_capacity,
        default="FARGATE",
    )


def handler(event: Mapping[str, Any] | None, context: Any) -> dict[str, Any]:
    """What AWS Lambda calls: check once, start a pass if there is a reason to.

    Returns:
        What was decided (`started`, `nothing_new` or `already_running`), how many files are new, some of their names,
        and the task that was started or is running.

    Raises:
        SettingsError: a variable is missing or malformed.
        SourceError: the bucket cannot be listed.
        CheckError: anything else that kept it from deciding or starting.
    """
    settings = load(CheckerSettings)
    event = event or {}
    caller = str(event.get("trigger", trigger.MANUAL))
    try:
        decision = _check(settings, force=event.get("force") is True, call=_call(event, context), caller=caller)
    except Exception as error:
        _log("ERROR", "check_failed", str(error), trigger=caller, source=settings.source)
        raise
    _log(
        "INFO",
        f"check_{decision['decision']}",
        "looked for new files",
        trigger=caller,
        source=settings.source,
        **decision,
    )
    _publish(settings)
    return decision


def _call(event: Mapping[str, Any], context: Any) -> str:
    """The same for each repetition of one call, so that a repeated call starts no second task."""
    return str(
        event.get("execution") or getattr(context, "aws_request_id", None) or datetime.datetime.now(datetime.UTC)
    )


def _check(settings: CheckerSettings, *, force: bool, call: str, caller: str) -> dict[str, Any]:
    count = 0
    examples: list[str] = []
    for name in manifest.new_files(_listed(settings), _recorded(settings)):
        count += 1
        if len(examples) < EXAMPLES:
            examples.append(name)
    found: dict[str, Any] = {"new_files": count, "examples": examples, "forced": force}
    if not count and not force:
        return {"decision": "nothing_new", "task": None, **found}
    ecs = boto3.client("ecs")
    try:
        running = _running(ecs, settings)
        if running:
            return {"decision": "already_running", "task": running, **found}
        return {"decision": "started", "task": _start(ecs, settings, call, caller), **found}
    except (BotoCoreError, ClientError) as error:
        raise CheckError(f"ECS cannot be used: {error}. Check the cluster {settings.cluster} and the role") from error


def _listed(settings: CheckerSettings) -> Iterator[tuple[str, str]]:
    """Each file as the worker itself lists it: its address relative to the source, and its version."""
    prefix = f"{settings.source}/"
    for page in open_source(settings.source, anonymous=settings.anonymous).pages():
        for file in page:
            yield file.uri.removeprefix(prefix), file.version or ""


def _recorded(settings: CheckerSettings) -> dict[str, str]:
    """What the last pass recorded; nothing before the first one."""
    bucket, _, key = settings.manifest.removeprefix("s3://").partition("/")
    try:
        text = s3_client(anonymous=False).get_object(Bucket=bucket, Key=key)["Body"].read().decode("utf-8", "replace")
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            return {}
        raise CheckError(f"the manifest {settings.manifest} cannot be read: {error}") from error
    except BotoCoreError as error:
        raise CheckError(f"the manifest {settings.manifest} cannot be read: {error}") from error
    try:
        return manifest.load(text)
    except manifest.ManifestError as error:
        # A pass loads nothing twice and writes the manifest anew: this heals itself.
        _log("WARNING", "manifest_unreadable", f"the manifest {settings.manifest} is no use: {error}")
        return {}


def _running(ecs: Any, settings: CheckerSettings) -> str | None:
    """A task of the worker that runs or is about to."""
    family = settings.task_definition.rsplit("/", 1)[-1].split(":")[0]
    # RUNNING is what ECS wants of a task, from the moment that it is asked for.
    tasks = ecs.list_tasks(cluster=settings.cluster, family=family, desiredStatus="RUNNING")["taskArns"]
    return str(tasks[0]) if tasks else None


def _start(ecs: Any, settings: CheckerSettings, call: str, caller: str) -> str:
    told = {"name": trigger.VARIABLE, "value": TRIGGERS.get(caller, trigger.MANUAL)}
    refusals: list[str] = []
    for provider in settings.capacity:
        answer = ecs.run_task(
            cluster=settings.cluster,
            taskDefinition=settings.task_definition,
            capacityProviderStrategy=[{"capacityProvider": provider, "weight": 1}],
            networkConfiguration={
                "awsvpcConfiguration": {
                    "subnets": list(settings.subnets),
                    "securityGroups": list(settings.security_groups),
                    "assignPublicIp": "DISABLED",
                }
            },
            overrides={"containerOverrides": [{"name": trigger.CONTAINER, "environment": [told]}]},
            propagateTags="TASK_DEFINITION",
            startedBy=STARTED_BY,
            # At most 64 characters, and another one for another request.
            clientToken=hashlib.sha256(f"{call} {provider} {settings.task_definition}".encode()).hexdigest(),
        )
        if answer.get("tasks"):
            return str(answer["tasks"][0]["taskArn"])
        reasons = [
            f"{it.get('reason', 'no reason')} {it.get('detail', '')}".strip() for it in answer.get("failures", [])
        ]
        refusals.append(f"{provider}: {', '.join(reasons) or 'no task and no reason'}")
    raise CheckError(f"ECS started no task of {settings.task_definition} ({'; '.join(refusals)})")


def _publish(settings: CheckerSettings) -> None:
    """The metric that says that somebody looked: an alarm goes off where it stays away."""
    dimensions = {"Service": SERVICE, **({"Environment": settings.environment} if settings.environment else {})}
    now = datetime.datetime.now(datetime.UTC)
    sys.stdout.write(metrics.emf(metrics.NAMESPACE, dimensions, {METRIC: (1, "Count")}, {}, now) + "\n")


def _log(level: str, action: str, message: str, **fields: Any) -> None:
    """One JSON object a line, as the worker logs; to standard output, which Lambda sends to the log group."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    line = {"time": now, "level": level, "logger": __name__, "message": message, "action": action, **fields}
    sys.stdout.write(json.dumps(line) + "\n")
