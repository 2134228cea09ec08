"""Action plugin: shows the lines of CloudWatch log groups."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

# Ansible loads a plugin by its path alone: the project's packages have to be found too.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from botocore.exceptions import BotoCoreError, ClientError

from deployment import logs
from deployment.session import Place, explain

DOCUMENTATION = """
name: cloudwatch_logs
short_description: shows the lines of CloudWatch log groups
description:
  - Lines of several groups are in the order of time. With I(follow) it goes on until it is interrupted.
"""


class ActionModule(ActionBase):
    """The plugin: Ansible finds it by this name."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Show the lines, and say how many there were."""
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            argument_spec={
                "aws": {"type": "dict", "required": True},
                "groups": {"type": "list", "elements": "str", "required": True},
                "since": {"type": "str", "default": "1h"},
                "follow": {"type": "bool", "default": False},
            }
        )
        count = 0
        try:
            client = Place(**args["aws"]).client("logs")
            for line in logs.lines(client, args["groups"], logs.since(args["since"]), follow=args["follow"]):
                Display().display(line)
                count += 1
        except ValueError as error:
            raise AnsibleActionFail(str(error)) from error
        except (BotoCoreError, ClientError) as error:
            raise AnsibleActionFail(explain(error)) from error
        return {"changed": False, "count": count}
