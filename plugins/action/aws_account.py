"""Action plugin: what an AWS account has, as far as a deployment could founder on it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

# Ansible loads a plugin by its path alone: the project's packages have to be found too.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from botocore.exceptions import BotoCoreError, ClientError

from deployment import account, parameters
from deployment.session import Place, explain
from deployment.stacks import Deployment
from deployment.templates import Kit

DOCUMENTATION = """
name: aws_account
short_description: what an AWS account has, as far as a deployment could founder on it
description:
  - Looks, and changes nothing. Parameters of the inventory that the templates would refuse are found without AWS; only
    when there are none, AWS is asked.
"""


class ActionModule(ActionBase):
    """The plugin: Ansible finds it by this name."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Look at the parameters, then at the account."""
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            argument_spec={
                "aws": {"type": "dict", "required": True},
                "templates": {"type": "path", "required": True},
                "prefix": {"type": "str", "required": True},
                "environment": {"type": "str", "required": True},
                "parameters": {"type": "dict", "default": {}},
            }
        )
        kit = Kit.load(Path(args["templates"]))
        problems = parameters.problems(kit, args["parameters"])
        if problem := account.region_problem(args["aws"]["region"]):
            problems.insert(0, problem)
        if problems:
            return {"changed": False, "parameter_problems": problems}
        these = Deployment(Place(**args["aws"]), kit, args["prefix"], args["environment"], args["parameters"], given={})
        try:
            return {"changed": False, "parameter_problems": [], **asdict(account.look(these))}
        except (BotoCoreError, ClientError) as error:
            raise AnsibleActionFail(explain(error)) from error
