"""Action plugin: the images of both programs in ECR, built and pushed where they are not there yet."""

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

from deployment import certificates, images
from deployment.certificates import CertificatesError
from deployment.images import Image, ImageError, Sources
from deployment.parameters import completed
from deployment.revision import RevisionError, revision
from deployment.session import Place, explain
from deployment.templates import Kit

DOCUMENTATION = """
name: container_images
short_description: the images of both programs in ECR, built and pushed where they are not there yet
description:
  - Their tag is the git commit. One that ECR has is neither built nor pushed.
  - With I(tag) nothing is built: the images of an earlier release are looked up.
  - The password of the registry is in no variable, no log and no file that stays.
"""

STACKS = {"api": "api", "worker": "ingestion"}
"""The stack whose CpuArchitecture says what an image is built for."""


class ActionModule(ActionBase):
    """The plugin: Ansible finds it by this name."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Build and push what is missing, and return the addresses."""
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            argument_spec={
                "aws": {"type": "dict", "required": True},
                "project": {"type": "path", "required": True},
                "templates": {"type": "path", "required": True},
                "parameters": {"type": "dict", "default": {}},
                "repositories": {"type": "dict", "required": True},
                "certificates": {"type": "path", "required": True},
                "allow_uncommitted": {"type": "bool", "default": False},
                "tag": {"type": "str", "default": ""},
                "pip_index_url": {"type": "str", "default": ""},
                "ca_file": {"type": "str", "default": ""},
            }
        )
        try:
            return self._run(args)
        except (RevisionError, CertificatesError, ImageError) as error:
            raise AnsibleActionFail(str(error)) from error
        except (BotoCoreError, ClientError) as error:
            raise AnsibleActionFail(explain(error)) from error

    def _run(self, args: dict[str, Any]) -> dict[str, Any]:
        place, project = Place(**args["aws"]), Path(args["project"])
        repositories = {program: args["repositories"][program] for program in images.PROGRAMS}
        if args["tag"]:
            tag = images.earlier_tag(place, repositories, args["tag"])
        else:
            tag = revision(project, allow_uncommitted=args["allow_uncommitted"]).name
        wanted = [Image(program, repository, tag) for program, repository in repositories.items()]
        missing = images.missing(place, wanted)
        if missing and not self._task.check_mode:
            sources = Sources(project, Path(args["certificates"]), args["pip_index_url"], args["ca_file"])
            self._make(place, sources, missing, _architectures(args))
        return {
            "changed": bool(missing),
            "tag": tag,
            "images": {image.program: str(image) for image in wanted},
            "built": [str(image) for image in missing],
        }

    def _make(self, place: Place, sources: Sources, missing: list[Image], architectures: dict[str, str]) -> None:
        def say(line: str) -> None:
            Display().display(f"  {line}")

        if certificates.ensure(place, sources.certificates):
            say(f"fetched the certificates of Amazon's databases into {sources.certificates}")
        for image in missing:
            images.build(sources, image, architectures[image.program], say)
        images.push(place, missing, say)


def _architectures(args: dict[str, Any]) -> dict[str, str]:
    kit = Kit.load(Path(args["templates"]))
    return {
        program: completed(kit.templates[stack], args["parameters"].get(stack) or {})["CpuArchitecture"]
        for program, stack in STACKS.items()
    }
