"""Action plugin: the schedule of the ingestion, and a look for new files as it does."""

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

from deployment import ingestion
from deployment.ingestion import CheckError
from deployment.session import Place, explain

DOCUMENTATION = """
name: ingestion_check
short_description: the schedule of the ingestion, and a look for new files as it does
description:
  - With I(function) the checker is called, and what it decided is returned. Nothing is called in check mode.
  - With I(schedule) it is returned when files are looked for.
"""


class ActionModule(ActionBase):
    """The plugin: Ansible finds it by this name."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call the checker, or look at the schedule."""
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            argument_spec={
                "aws": {"type": "dict", "required": True},
                "function": {"type": "str"},
                "schedule": {"type": "str"},
            },
            required_one_of=[["function", "schedule"]],
            mutually_exclusive=[["function", "schedule"]],
        )
        place, now = Place(**args["aws"]), datetime.now(UTC)
        try:
            if args["schedule"]:
                return {"changed": False, "schedule": asdict(ingestion.schedule(place, args["schedule"], now))}
            if self._task.check_mode:
                return {"changed": False, "skipped": True, "msg": "nothing is called in check mode"}
            decided = ingestion.check(place, args["function"], now)
        except CheckError as error:
            raise AnsibleActionFail(str(error)) from error
        except (BotoCoreError, ClientError) as error:
            raise AnsibleActionFail(explain(error)) from error
        return {"changed": decided["decision"] == "started", "decided": decided, "at": now.isoformat()}
