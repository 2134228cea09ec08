"""Action plugin: one task of ECS, run to its end."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

# Ansible loads a plugin by its path alone: the project's packages have to be found too.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from botocore.exceptions import BotoCoreError, ClientError

from deployment import task
from deployment.session import Place, explain
from deployment.task import Request, TaskError

DOCUMENTATION = """
name: ecs_task
short_description: one task of ECS, run to its end
description:
  - Shows a line when the task's state changes. A task that fails is shown with its reason, its exit code and the last
    lines of its log.
  - With I(task) one is followed that somebody else has started.
  - Nothing is run in check mode.
"""


class ActionModule(ActionBase):
    """The plugin: Ansible finds it by this name."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task, or follow it."""
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            argument_spec={
                "aws": {"type": "dict", "required": True},
                "cluster": {"type": "str", "required": True},
                "what": {"type": "str", "required": True},
                "task": {"type": "str"},
                "definition": {"type": "str"},
                "subnets": {"type": "list", "elements": "str", "default": []},
                "security_groups": {"type": "list", "elements": "str", "default": []},
                "capacity": {"type": "list", "elements": "str", "default": ["FARGATE"]},
                "overrides": {"type": "list", "elements": "dict", "default": []},
                "deadline_s": {"type": "int", "required": True},
                "unchanged": {"type": "str", "default": ""},
            },
            required_one_of=[["task", "definition"]],
            mutually_exclusive=[["task", "definition"]],
        )
        if self._task.check_mode:
            return {"changed": not args["unchanged"], "skipped": True, "msg": "no task is run in check mode"}
        try:
            return self._run(args)
        except TaskError as error:
            raise AnsibleActionFail(f"{args['what']}: {error}") from error
        except (BotoCoreError, ClientError) as error:
            raise AnsibleActionFail(f"{args['what']}: {explain(error)}") from error

    def _run(self, args: dict[str, Any]) -> dict[str, Any]:
        place = Place(**args["aws"])

        def say(line: str) -> None:
            Display().display(f"  {line}")

        arn = args["task"] or task.start(
            place,
            Request(
                cluster=args["cluster"],
                definition=args["definition"],
                subnets=args["subnets"],
                security_groups=args["security_groups"],
                capacity=args["capacity"],
                overrides=args["overrides"],
            ),
        )
        ended = task.follow(place, args["cluster"], arn, say, args["deadline_s"])
        result = {"task": ended.task, "exit_code": ended.exit_code, "reason": ended.reason}
        if not ended.succeeded:
            return {"changed": True, "failed": True, "msg": f"{args['what']}: {ended}", **result}
        quiet = args["unchanged"] and any(re.search(args["unchanged"], line) for line in ended.log)
        return {"changed": not quiet, "log": ended.log, **result}
