"""Action plugin: a database restored to a moment beside the one that lives, and switching over to it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

# Ansible loads a plugin by its path alone: the project's packages have to be found too.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from botocore.exceptions import BotoCoreError, ClientError

from deployment import restore, switch
from deployment.servers import MOMENT_TAG, RestoreError, look, tags
from deployment.session import Place, explain
from deployment.switch import Ingestion

DOCUMENTATION = """
name: rds_restore
short_description: a database restored to a moment beside the one that lives, and switching over to it
description:
  - With I(state=beside) there is a server C(<identifier>-restored) with the data of the moment I(to), as the one that
    lives but for its data, and with the owner's password of today. One that is there already is gone on with.
  - With I(state=checked) it is looked whether a switch can be.
  - With I(state=switched) the restored server has the name I(identifier), and the one that had it has another. The
    schedule of the ingestion is off meanwhile.
  - With I(state=discarded) there is no restored server. The one that lives is not touched.
  - With I(state=url) the address of the database in a task definition is returned, with another server's in it.
  - In check mode nothing is changed, and what would be is returned.
"""


class ActionModule(ActionBase):
    """The plugin: Ansible finds it by this name."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do what the task asks for."""
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            argument_spec={
                "state": {"choices": ["beside", "checked", "switched", "discarded", "url"], "required": True},
                "aws": {"type": "dict", "required": True},
                "identifier": {"type": "str"},
                "to": {"type": "str"},
                "secret": {"type": "str"},
                "ingestion": {"type": "dict"},
                "definition": {"type": "str"},
                "before": {"type": "str"},
                "after": {"type": "str"},
                "deadline_s": {"type": "int", "default": 7200},
            },
            required_if=[
                ("state", "beside", ["identifier", "to", "secret"]),
                ("state", "checked", ["identifier"]),
                ("state", "switched", ["identifier", "ingestion"]),
                ("state", "discarded", ["identifier"]),
                ("state", "url", ["definition", "before", "after"]),
            ],
        )
        place = Place(**args["aws"])
        try:
            if args["state"] == "url":
                url = restore.address_for(place, args["definition"], "migrate", args["before"], args["after"])
                return {"changed": False, "url": url}
            if args["state"] == "checked":
                return _checked(place, args["identifier"])
            if self._task.check_mode:
                return _foreseen(place, args)
            return _done(place, args)
        except RestoreError as error:
            raise AnsibleActionFail(str(error)) from error
        except (BotoCoreError, ClientError) as error:
            raise AnsibleActionFail(explain(error)) from error


def _say(line: str) -> None:
    Display().display(f"  {line}")


def _done(place: Place, args: dict[str, Any]) -> dict[str, Any]:
    identifier, deadline_s = args["identifier"], args["deadline_s"]
    if args["state"] == "beside":
        return asdict(restore.beside(place, identifier, args["to"], args["secret"], _say, deadline_s))
    if args["state"] == "discarded":
        name = restore.discard(place, identifier, _say, deadline_s)
        return {"changed": bool(name), "discarded": name}
    ingestion = Ingestion(**args["ingestion"])
    return asdict(switch.switch(place, identifier, ingestion, _say, deadline_s))


def _foreseen(place: Place, args: dict[str, Any]) -> dict[str, Any]:
    if args["state"] == "beside":
        return {"changed": restore.foreseen(place, args["identifier"], args["to"])}
    if args["state"] == "discarded":
        return {"changed": look(place.client("rds"), args["identifier"]).restored is not None}
    return {"changed": not switch.check(place, args["identifier"]).switched_to}


def _checked(place: Place, identifier: str) -> dict[str, Any]:
    found = switch.check(place, identifier)
    # Nothing of the restored server is to be looked at before a switch that has begun, or is done.
    begun = bool(found.switched_to) or found.half_switched
    return {"changed": False, "begun": begun, "moment": "" if begun else tags(found.restored or {})[MOMENT_TAG]}
