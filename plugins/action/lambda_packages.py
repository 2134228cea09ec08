"""Action plugin: the packages of the Lambda functions in their bucket."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

# Ansible loads a plugin by its path alone: the project's packages have to be found too.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from botocore.exceptions import BotoCoreError, ClientError

from deployment import certificates, functions
from deployment.certificates import CertificatesError
from deployment.functions import PackageError
from deployment.session import Place, explain

DOCUMENTATION = """
name: lambda_packages
short_description: the packages of the Lambda functions in their bucket
description:
  - Each is under a key with the hash of its content. One that is there is not uploaded again.
"""


class ActionModule(ActionBase):
    """The plugin: Ansible finds it by this name."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make the packages, upload what is missing, and return the keys."""
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            argument_spec={
                "aws": {"type": "dict", "required": True},
                "project": {"type": "path", "required": True},
                "folder": {"type": "path", "required": True},
                "bucket": {"type": "str", "required": True},
                "certificates": {"type": "path", "required": True},
            }
        )
        place = Place(**args["aws"])
        try:
            certificates.ensure(place, Path(args["certificates"]))
            made = functions.build(Path(args["project"]), Path(args["folder"]), Path(args["certificates"]))
            missing = {name: file for name, file in made.items() if not _is_there(place, args["bucket"], file)}
            for file in missing.values() if not self._task.check_mode else ():
                functions.upload(place, args["bucket"], functions.key(file), file)
        except (CertificatesError, PackageError) as error:
            raise AnsibleActionFail(str(error)) from error
        except (BotoCoreError, ClientError) as error:
            raise AnsibleActionFail(explain(error)) from error
        return {
            "changed": bool(missing),
            "code_keys": {name: functions.key(file) for name, file in made.items()},
            "uploaded": list(missing),
        }


def _is_there(place: Place, bucket: str, file: Path) -> bool:
    return functions.is_there(place, bucket, functions.key(file))
