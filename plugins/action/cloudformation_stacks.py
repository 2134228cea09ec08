"""Action plugin: CloudFormation stacks in their order, by change set, with a line for each resource."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Ansible loads a plugin by its path alone: the project's packages have to be found too.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from botocore.exceptions import BotoCoreError, ClientError

from deployment import stacks
from deployment.changes import Change
from deployment.events import Say, Watch
from deployment.release import ReleaseWatch
from deployment.session import Place, explain
from deployment.stack import Outcome, StackError
from deployment.stacks import Deployment
from deployment.templates import Kit

DOCUMENTATION = """
name: cloudformation_stacks
short_description: CloudFormation stacks in their order, by change set, with a line for each resource
description:
  - Brings the stacks of a folder of templates to what is wanted, deletes them, or reads their outputs.
  - C(wiring.yml) in the folder says which stack needs which and which output feeds which parameter. Stacks that do not
    need each other are changed at the same time.
  - A stack that has the template, the parameters and the tags already is left alone, without a change set.
  - A change that would replace or remove what holds data is refused, unless its resource is named in I(may_lose).
  - In check mode nothing is changed, and what would be is returned, and shown with C(--diff).
"""


class ActionModule(ActionBase):
    """The plugin: Ansible finds it by this name."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do what the task asks for."""
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            argument_spec={
                "state": {"choices": ["present", "absent", "read"], "default": "present"},
                "aws": {"type": "dict", "required": True},
                "templates": {"type": "path", "required": True},
                "prefix": {"type": "str", "required": True},
                "environment": {"type": "str", "required": True},
                "stacks": {"type": "list", "elements": "str", "required": True},
                "parameters": {"type": "dict", "default": {}},
                "given": {"type": "dict", "default": {}},
                "may_lose": {"type": "list", "elements": "str", "default": []},
                "remove_failed": {"type": "bool", "default": False},
                "release_deadline_s": {"type": "int", "default": 1200},
            }
        )
        try:
            return self._run(args)
        except StackError as error:
            raise AnsibleActionFail(str(error)) from error
        except (BotoCoreError, ClientError) as error:
            raise AnsibleActionFail(explain(error)) from error

    def _run(self, args: dict[str, Any]) -> dict[str, Any]:
        place = Place(**args["aws"])
        these = Deployment(
            place=place,
            kit=Kit.load(Path(args["templates"])),
            prefix=args["prefix"],
            environment=args["environment"],
            chosen=args["parameters"],
            given=args["given"],
            may_lose=frozenset(args["may_lose"]),
            watch=_watch(place, args["release_deadline_s"]),
        )
        say = Display().display
        if args["state"] == "read":
            return {"changed": False, "outputs": stacks.outputs(these, args["stacks"])}
        if args["state"] == "absent":
            found = list(stacks.outputs(these, args["stacks"]))
            deleted = found if self._task.check_mode else stacks.delete(these, args["stacks"], say)
            return {"changed": bool(deleted), "deleted": deleted}
        if self._task.check_mode:
            return self._foreseen(stacks.plan(these, args["stacks"]))
        if args["remove_failed"]:
            stacks.remove_failed(these, args["stacks"], say)
        return _result(stacks.deploy(these, args["stacks"], say))

    def _foreseen(self, plans: Mapping[str, Outcome]) -> dict[str, Any]:
        """What check mode answers."""
        result = _result(plans)
        if self._task.diff:
            result["diff"] = [
                {"prepared": "\n".join([f"{name}:", *(f"  {change}" for change in plan.changes), ""])}
                for name, plan in plans.items()
                if plan.changes
            ]
        return result


def _result(outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    return {
        "changed": any(outcome.changes for outcome in outcomes.values()),
        "outputs": {name: outcome.outputs for name, outcome in outcomes.items()},
        "not_made": [name for name, outcome in outcomes.items() if not outcome.made],
        "changes": {name: [_plain(change) for change in outcome.changes] for name, outcome in outcomes.items()},
    }


def _plain(change: Change) -> dict[str, Any]:
    return {
        "action": change.action,
        "name": change.name,
        "type": change.type,
        "causes": list(change.causes),
        "loses_data": change.loses_data,
    }


def _watch(place: Place, deadline_s: int) -> Any:
    """A stack with a service is watched by what knows why a release fails, and when to give it up."""

    def watch(which: str, parameters: Mapping[str, str], say: Say) -> Watch | None:
        if which != "api":
            return None
        return ReleaseWatch(place, parameters["ClusterName"], parameters["ApiServiceName"], deadline_s, say)

    return watch
