"""Action plugin: how stacks are, and putting them back there."""

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

from deployment import goback
from deployment.release import watch_of
from deployment.session import Place, explain
from deployment.stack import StackError
from deployment.stacks import Deployment
from deployment.templates import Kit

DOCUMENTATION = """
name: cloudformation_snapshot
short_description: how stacks are, and putting them back there
description:
  - With I(state=saved) it returns the template, the parameters and the tags of each stack that works.
  - With I(state=restored) it gives them back. A stack that is as it was is left alone.
"""


class ActionModule(ActionBase):
    """The plugin: Ansible finds it by this name."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Save or restore."""
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            argument_spec={
                "state": {"choices": ["saved", "restored"], "required": True},
                "aws": {"type": "dict", "required": True},
                "templates": {"type": "path", "required": True},
                "prefix": {"type": "str", "required": True},
                "environment": {"type": "str", "required": True},
                "stacks": {"type": "list", "elements": "str", "default": []},
                "saved": {"type": "dict", "default": {}},
                "release_deadline_s": {"type": "int", "default": 1200},
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
            watch=watch_of(place, args["release_deadline_s"]),
        )
        try:
            if args["state"] == "saved":
                return {"changed": False, "saved": goback.save(these, args["stacks"])}
            restored = [] if self._task.check_mode else goback.restore(these, args["saved"], Display().display)
            return {"changed": bool(restored), "restored": restored}
        except StackError as error:
            raise AnsibleActionFail(str(error)) from error
        except (BotoCoreError, ClientError) as error:
            raise AnsibleActionFail(explain(error)) from error
