"""Which release to go back to, and whether the database lets it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deployment import stack
from deployment.session import Place
from deployment.stacks import Deployment
from deployment.stacks import outputs as outputs_of

_MIGRATIONS = "database/migrations/versions"


class RollbackError(Exception):
    """There is nothing to go back to, or it is not known; the message says why and what to do."""


@dataclass(frozen=True)
class Release:
    """A release of the API that once had the traffic."""

    tag: str
    """The tag of its image."""
    at: str
    """When it had come through for the first time, in UTC."""


def current(these: Deployment) -> str:
    """The tag of the image that the API is to run.

    Raises:
        RollbackError: There is no API yet.
    """
    client, name = these.client("api"), these.name("api")
    if stack.outputs(client, name) is None:
        raise RollbackError(f"There is no stack {name}: nothing has been released yet.")
    return stack.parameters(client, name)["ApiImage"].rpartition(":")[2]


def releases(these: Deployment) -> list[Release]:
    """The releases that ECS remembers as successful, by when each came through first. It remembers 90 days.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListServiceDeployments.html
    """
    ecs = these.place.client("ecs")
    cluster = outputs_of(these, ["cluster"])["cluster"]
    asked = {"cluster": cluster["ClusterName"], "service": cluster["ApiServiceName"], "status": ["SUCCESSFUL"]}
    found: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        answer = ecs.list_service_deployments(**asked, **token)
        found += answer["serviceDeployments"]
        if not answer.get("nextToken"):
            break
        token = {"nextToken": answer["nextToken"]}
    first: dict[str, datetime] = {}
    for each in sorted(found, key=lambda entry: entry["createdAt"]):
        tag = _tag_of(these.place, each["targetServiceRevisionArn"])
        if tag:
            first.setdefault(tag, each.get("finishedAt", each["createdAt"]))
    return [Release(tag, f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC") for tag, at in first.items()]


def previous(known: list[Release], running: str) -> str:
    """The release before the one that runs.

    Raises:
        RollbackError: There is none.
    """
    tags = [release.tag for release in known]
    before = tags[: tags.index(running)] if running in tags else tags
    if not before:
        had = ", ".join(f"{release.tag} ({release.at})" for release in known) or "none"
        raise RollbackError(
            f"There is no release before {running} that came through; those of the last 90 days: {had}. "
            f"An older one whose images ECR still has: -e to=<commit>."
        )
    return before[-1]


def newest_migration(project: Path, tag: str) -> str:
    """The revision of the schema that a release was written for, from the project's history.

    Args:
        project: A clone with that release's commit.
        tag: The tag of its images: the commit, with uncommitted work also a hash after it.

    Raises:
        RollbackError: The clone does not have the commit.
    """
    commit = tag.partition("-")[0]
    done = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", commit, "--", f"{_MIGRATIONS}/"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    numbers = [Path(line).name.partition("_")[0] for line in done.stdout.splitlines() if Path(line).name[:1].isdigit()]
    if done.returncode or not numbers:
        raise RollbackError(
            f"This clone of the project does not have the commit {commit}, which says what that release knows of the "
            f"database: git fetch --all --tags, then this again. {done.stderr.strip()}"
        )
    return max(numbers)


def _tag_of(place: Place, revision: str) -> str:
    """The tag of the API's image in a service revision; empty where its task definition is gone."""
    ecs = place.client("ecs")
    described = ecs.describe_service_revisions(serviceRevisionArns=[revision])["serviceRevisions"]
    if not described:
        return ""
    definition = ecs.describe_task_definition(taskDefinition=described[0]["taskDefinition"])["taskDefinition"]
    images = [each["image"] for each in definition["containerDefinitions"] if each["name"] == "api"]
    return images[0].rpartition(":")[2] if images else ""
