"""Action plugin: what a deployment would change in CloudFormation, shown stack by stack."""

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

from deployment import stacks
from deployment.drift import Drift, drifted
from deployment.session import Place, explain
from deployment.stack import Outcome, StackError
from deployment.stacks import Deployment
from deployment.templates import Kit

DOCUMENTATION = """
name: cloudformation_plan
short_description: what a deployment would change in CloudFormation, shown stack by stack
description:
  - Changes nothing. What is added is green, modified yellow, replaced or removed red; what drifted is shown too.
"""

COLOURS = {"add": "green", "modify": "yellow", "may replace": "bright red", "replace": "red", "remove": "red"}


class ActionModule(ActionBase):
    """The plugin: Ansible finds it by this name."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Show the plan and return it."""
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            argument_spec={
                "aws": {"type": "dict", "required": True},
                "templates": {"type": "path", "required": True},
                "prefix": {"type": "str", "required": True},
                "environment": {"type": "str", "required": True},
                "stacks": {"type": "list", "elements": "str", "required": True},
                "parameters": {"type": "dict", "default": {}},
                "given": {"type": "dict", "default": {}},
                "drift": {"type": "bool", "default": True},
            }
        )
        these = Deployment(
            place=Place(**args["aws"]),
            kit=Kit.load(Path(args["templates"])),
            prefix=args["prefix"],
            environment=args["environment"],
            chosen=args["parameters"],
            given=args["given"],
        )
        try:
            plans = stacks.plan(these, args["stacks"])
            drifts = {
                name: drifted(these.client(name), these.name(name))
                for name, plan in plans.items()
                if args["drift"] and plan.made
            }
        except StackError as error:
            raise AnsibleActionFail(str(error)) from error
        except (BotoCoreError, ClientError) as error:
            raise AnsibleActionFail(explain(error)) from error
        order = these.kit.order(plans).static_order()
        for name in order:
            _show(these.name(name), plans[name], drifts.get(name, []))
        return {"changed": False, **_counted(plans, drifts)}


def _show(name: str, plan: Outcome, drift: list[Drift] | str) -> None:
    say = Display().display
    if not plan.made:
        say(
            f"{name}: new, with all of its template ({len(plan.changes)} resources, fewer where a condition is off)",
            "green",
        )
    elif not plan.changes:
        say(f"{name}: as it should be")
    else:
        say(f"{name}: would be changed", "yellow")
    for change in plan.changes if plan.made else []:
        say(f"  {change}", COLOURS.get(change.action, "yellow"))
    if isinstance(drift, str):
        say(f"  whether it drifted is not known: {drift}")
        return
    for entry in drift:
        say(f"  drifted     {entry.name} ({entry.type}) is {entry.state}", "magenta")
        for difference in entry.differences:
            say(f"                {difference}", "magenta")


def _counted(plans: dict[str, Outcome], drifts: dict[str, list[Drift] | str]) -> dict[str, Any]:
    changes = [change for plan in plans.values() for change in plan.changes]
    return {
        "new_stacks": [name for name, plan in plans.items() if not plan.made],
        "counts": {action: sum(change.action == action for change in changes) for action in COLOURS},
        "loses_data": [change.name for change in changes if change.loses_data],
        "drifted": sum(len(drift) for drift in drifts.values() if isinstance(drift, list)),
    }
