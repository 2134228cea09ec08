"""The project's own stacks on an emulated AWS, made by its own deployment."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from deployment import stacks
from deployment.session import Place
from deployment.stack import Outcome
from deployment.stacks import Deployment
from deployment.templates import Kit
from tests.conftest import PROJECT

CODE = {"checker.zip": "worker/checker.py", "rotation.zip": "database/rotation.py"}
FUNCTION = "def handler(event, context):\n    return event\n"
Chosen = Mapping[str, Mapping[str, object]]
USUAL: Chosen = {"network": {"NatMode": "one"}, "database": {"EngineVersion": "17", "DeletionProtection": "no"}}
"""PostgreSQL 17: the CI machine's stand-in of 18 has no TLS."""


def _package(module: str) -> bytes:
    """A function that does nothing."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr(module, FUNCTION)
    return buffer.getvalue()


class Stacks:
    """The stacks of one place."""

    def __init__(self, place: Place, environment: str, code: Mapping[str, Path] | None = None) -> None:
        self.place = place
        self.environment = environment
        self.kit = Kit.load(PROJECT / "cloudformation")
        self.said: list[str] = []
        self.code = {key: _package(module) for key, module in CODE.items()}
        self.code |= {key: path.read_bytes() for key, path in (code or {}).items()}

    @cached_property
    def given(self) -> dict[str, str]:
        """What a release would give. The functions do nothing; images are never started here."""
        image = f"localhost:1/{self.environment}:1"
        return {
            "CloudFrontPrefixListId": "pl-3b927c52",
            "CheckerCodeKey": "checker.zip",
            "RotationCodeKey": "rotation.zip",
            "ApiImage": image,
            "WorkerImage": image,
            "Repository": "someone/windsock",
            "StackPrefix": f"windsock-{self.environment}",
        }

    def deploy(self, *names: str, chosen: Chosen = USUAL) -> dict[str, Outcome]:
        """Bring these to what the templates say, with the code of the functions in its bucket beforehand."""
        made = Deployment(self.place, self.kit, f"windsock-{self.environment}", self.environment, chosen, self.given)
        if "storage" in names:
            bucket = stacks.deploy(made, ["storage"], self.said.append)["storage"].outputs["ArtefactBucketName"]
            for key, package in self.code.items():
                self.place.client("s3").put_object(Bucket=bucket, Key=key, Body=package)
        return stacks.deploy(made, names, self.said.append)

    def name(self, which: str) -> str:
        """The name of a stack."""
        return f"windsock-{self.environment}-{which}"
