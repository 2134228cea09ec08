"""Action plugin: puts a folder's files into a bucket."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

# Ansible loads a plugin by its path alone: the project's packages have to be found too.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError

from deployment.session import Place, explain
from deployment.upload import UploadError, upload

DOCUMENTATION = """
name: s3_upload
short_description: puts a folder's files into a bucket
description:
  - Files that the bucket has already, with the same content, are left alone. Nothing is put in check mode.
"""


class ActionModule(ActionBase):
    """The plugin: Ansible finds it by this name."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Put what is new, with a line for each file."""
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            argument_spec={
                "aws": {"type": "dict", "required": True},
                "bucket": {"type": "str", "required": True},
                "folder": {"type": "path", "required": True},
            }
        )
        if self._task.check_mode:
            return {"changed": False, "skipped": True, "msg": "nothing is put in check mode"}
        try:
            done = upload(Place(**args["aws"]).client("s3"), Path(args["folder"]), args["bucket"], Display().display)
        except (UploadError, S3UploadFailedError) as error:
            raise AnsibleActionFail(str(error)) from error
        except (BotoCoreError, ClientError) as error:
            raise AnsibleActionFail(explain(error)) from error
        return {"changed": bool(done.put), "put": done.put, "same": done.same}
