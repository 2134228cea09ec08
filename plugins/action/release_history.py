"""Action plugin: which release to go back to, and which migrations stand between."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

# Ansible loads a plugin by its path alone: the project's packages have to be found too.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from botocore.exceptions import BotoCoreError, ClientError

from database import revisions
from deployment import images, rollback
from deployment.images import ImageError
from deployment.rollback import RollbackError
from deployment.session import Place, explain
from deployment.stacks import Deployment
from deployment.templates import Kit

DOCUMENTATION = """
name: release_history
short_description: which release to go back to, and which migrations stand between
description:
  - With I(to), the beginning of a commit, its images have to be in ECR; else it is the release before the running one.
  - Changes nothing.
"""


class ActionModule(ActionBase):
    """The plugin: Ansible finds it by this name."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Find the release and what stands between."""
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            argument_spec={
                "aws": {"type": "dict", "required": True},
                "templates": {"type": "path", "required": True},
                "prefix": {"type": "str", "required": True},
                "environment": {"type": "str", "required": True},
                "project": {"type": "path", "required": True},
                "repositories": {"type": "dict", "required": True},
                "to": {"type": "str", "default": ""},
                "schema": {"type": "str", "required": True},
            }
        )
        these = Deployment(
            place=Place(**args["aws"]),
            kit=Kit.load(Path(args["templates"])),
            prefix=args["prefix"],
            environment=args["environment"],
            chosen={},
            given={},
        )
        try:
            running = rollback.current(these)
            asked = args["to"] or rollback.previous(rollback.releases(these), running)
            target = images.earlier_tag(these.place, args["repositories"], asked)
            if target == running:
                raise RollbackError(f"{target} is what runs already.")
            known = rollback.newest_migration(Path(args["project"]), target)
            between = revisions.in_the_way(known, args["schema"])
        except (RollbackError, ImageError, revisions.UnknownRevisionError) as error:
            raise AnsibleActionFail(str(error)) from error
        except (BotoCoreError, ClientError) as error:
            raise AnsibleActionFail(explain(error)) from error
        return {"changed": False, "running": running, "target": target, "known": known, "between": between}
