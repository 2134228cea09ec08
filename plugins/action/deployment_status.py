"""Action plugin: how a deployment is."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# Ansible loads a plugin by its path alone: the project's packages have to be found too.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from botocore.exceptions import BotoCoreError, ClientError

from deployment import ingestion, status
from deployment.session import Place, explain
from deployment.stacks import Deployment, outputs
from deployment.templates import Kit

DOCUMENTATION = """
name: deployment_status
short_description: how a deployment is, its stacks, service, database, alarms and schedule
description:
  - Changes nothing. What does not exist yet is missing from the answer.
"""


class ActionModule(ActionBase):
    """The plugin: Ansible finds it by this name."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Look at everything once."""
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            argument_spec={
                "aws": {"type": "dict", "required": True},
                "templates": {"type": "path", "required": True},
                "prefix": {"type": "str", "required": True},
                "environment": {"type": "str", "required": True},
            }
        )
        place = Place(**args["aws"])
        these = Deployment(
            place=place,
            kit=Kit.load(Path(args["templates"])),
            prefix=args["prefix"],
            environment=args["environment"],
            chosen={},
            given={},
        )
        try:
            return {"changed": False, **_look(these, datetime.now(UTC))}
        except (BotoCoreError, ClientError) as error:
            raise AnsibleActionFail(explain(error)) from error


def _look(these: Deployment, now: datetime) -> dict[str, Any]:
    place = these.place
    found: dict[str, Any] = {"stacks": status.stacks(these), "alarms": []}
    given = outputs(these, ["cluster", "database", "edge", "ingestion"])
    if any(state != "none" for state in found["stacks"].values()):
        found["alarms"] = [asdict(alarm) for alarm in status.alarms(place, these.prefix)]
    if "cluster" in given:
        cluster = given["cluster"]["ClusterName"]
        service = status.service(place, cluster, given["cluster"]["ApiServiceName"])
        found["service"] = asdict(service) if service else None
        families = {name: f"{these.name('ingestion')}-{name}" for name in ("worker", "migrate")}
        counted = status.running(place, cluster, families.values())
        found["tasks"] = {name: counted[family] for name, family in families.items()}
    if "database" in given:
        found["database"] = asdict(status.database(place, given["database"]["DatabaseIdentifier"], now))
    if "ingestion" in given:
        found["schedule"] = asdict(ingestion.schedule(place, given["ingestion"]["ScheduleName"], now))
    found["outputs"] = given
    return found
