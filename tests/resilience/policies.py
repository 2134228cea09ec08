"""Questions about the policies of the templates, as tests/resilience/permissions lists them, and IAM's answers."""

from __future__ import annotations

import dataclasses
import functools
import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from moto.iam.aws_managed_policies import aws_managed_policies_data

from tests.conftest import PROJECT
from tests.resilience.deployed import ACCOUNT, Deployment, deployment
from tests.templates.stacks import items, resources

FOLDER = Path(__file__).parent / "permissions"
ROLE, RESOURCE_POLICIES = "AWS::IAM::Role", ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy")
Statement = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Question:
    """Whether a caller may do one thing. `of` is the role, or the resource's policy, that has to know."""

    of: str
    action: str
    resource: str
    context: tuple[tuple[str, str], ...] = ()
    service: str = ""

    def __str__(self) -> str:
        keys = "".join(f", {key} {value}" for key, value in self.context)
        return f"{self.of}: {self.service or 'it'} {self.action} of {self.resource}{keys}"

    def asked(self, statements: Sequence[Statement]) -> dict[str, Any]:
        """The question as the evaluator takes it, with the statements that decide it."""
        asked = {
            "action": self.action,
            "resource": self.resource,
            "context": dict(self.context),
            "principal": f"arn:aws:sts::{ACCOUNT}:assumed-role/somebody/one",
            "statements": list(statements),
        }
        return {**asked, "service": self.service} if self.service else asked


def decisions(asked: Sequence[dict[str, Any]]) -> list[str]:
    """Allow, Deny or ImplicitDeny, for each question."""
    subprocess.run(["sh", "requirements/tool.sh", "emulator"], cwd=PROJECT, check=True, capture_output=True)
    python = PROJECT / ".tools" / "emulator" / "bin" / "python"
    program = Path(__file__).parent / "evaluator.py"
    done = subprocess.run([python, program], input=json.dumps(asked), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


@functools.cache
def listed() -> dict[str, dict[str, Any]]:
    """What the files of the folder say of each role and each policy of a resource."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(FOLDER.glob("*.yml")):
        if path.name != "names.yml":
            found |= yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


@functools.cache
def _names() -> dict[str, str]:
    found = yaml.safe_load((FOLDER / "names.yml").read_text(encoding="utf-8"))
    return {name: is_ if is_.startswith("arn:") else deployment().arn(is_) for name, is_ in found.items()}


def _arn(name: str) -> str:
    return name if name == "*" or name.startswith("arn:") else _names()[name]


def questions(address: str, kind: str) -> Iterator[Question]:
    """The questions of a kind (`may`, `may not`, `refuses`, ...) about a role or a policy."""
    for actions, resource, *rest in listed()[address].get(kind, []):
        context = {key: _names().get(value, value) for key, value in (rest[0] if rest else {}).items()}
        # A caller of a resource that is no service is a role of the account, whose own policies are asked elsewhere.
        service = context.pop("service", "nobody" if address.endswith("Policy") else "")
        for action in actions.split():
            yield Question(address, action, _arn(resource), tuple(context.items()), service)


def roles(of: Deployment) -> dict[str, list[Statement]]:
    """The statements of each role's own policies."""
    return {
        address: [
            statement
            for policy in of.resolved(address.split(".")[0], role["Properties"].get("Policies", []))
            for statement in policy["PolicyDocument"]["Statement"]
        ]
        for address, role in resources(of.stacks, ROLE)
    }


def managed(of: Deployment, address: str) -> list[Statement]:
    """The statements of AWS's policies that a role has, as moto keeps them."""
    stack, logical = address.split(".")
    arns = of.stacks[stack]["Resources"][logical]["Properties"].get("ManagedPolicyArns", [])
    documents = [_known()[arn.rsplit("/", 1)[-1]]["Document"] for arn in of.resolved(stack, arns)]
    return [statement for document in documents for statement in document["Statement"]]


@functools.cache
def _known() -> dict[str, dict[str, Any]]:
    return dict(json.loads(aws_managed_policies_data))


def trusts(of: Deployment) -> dict[str, list[Statement]]:
    """The statements of who may take each role. They name no resource: it is the role itself."""
    return {
        address: [
            {**statement, "Resource": "*"}
            for statement in of.resolved(address.split(".")[0], role["Properties"]["AssumeRolePolicyDocument"])[
                "Statement"
            ]
        ]
        for address, role in resources(of.stacks, ROLE)
    }


def resource_policies(of: Deployment) -> dict[str, list[Statement]]:
    """The statements of the policies of buckets, queues and topics."""
    return {
        address: of.resolved(address.split(".")[0], policy["Properties"]["PolicyDocument"])["Statement"]
        for address, policy in resources(of.stacks, *RESOURCE_POLICIES)
    }


def actions(statements: Sequence[Statement]) -> set[str]:
    """All actions of statements."""
    return {action for statement in statements for action in items(statement["Action"])}


def widenings(statements: Sequence[Statement]) -> Iterator[tuple[str, list[Statement]]]:
    """The statements with one bound of one of them gone, and which: what somebody could do to get on with it."""
    for at, statement in enumerate(statements):
        wider = []
        # A resource's own policy is about nothing else: only which part of a bucket is meant can be wider there.
        parts = "Principal" not in statement or (statement["Effect"] == "Allow" and "/" in str(statement["Resource"]))
        if statement["Resource"] != "*" and parts:
            wider.append(("Resource", {**statement, "Resource": "*"}))
        if "Condition" in statement:
            wider.append(("Condition", {key: value for key, value in statement.items() if key != "Condition"}))
        for what, changed in wider:
            kept = [*statements[:at], changed, *statements[at + 1 :]]
            yield f"the {what} of {statement.get('Sid') or statement['Action']}", kept
