"""The templates as one deployment has them: every reference resolved, across the stacks too.

The parameters of a stack are the outputs of others, as cloudformation/wiring.yml says, so that "the API's secret" of a
policy is the one that the stack `database` makes. Names are made up, of the form that AWS gives them.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from tests.templates.stacks import REGION, Stacks, load_all, load_wiring

ACCOUNT = "123456789012"
PREFIX = "windsock-test"

# The parameters of which the smallest deployment would have none of what is tried here.
GIVEN = {
    "Environment": "test",
    "StackPrefix": PREFIX,
    "Tracing": "yes",
    "NatMode": "instance",
    "FlowLogTraffic": "REJECT",
    "MonitoringIntervalSeconds": "60",
    "RotationDays": "30",
    "VaultSecretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:vault",
}

# The last part of an ARN, by type of resource; with the account and the region, unless it is a whole ARN.
_ARNS = {
    "AWS::CodeBuild::Project": "codebuild:project/{name}",
    "AWS::CodeConnections::Connection": "codeconnections:connection/{name}",
    "AWS::ECR::Repository": "ecr:repository/{name}",
    "AWS::ECS::Cluster": "ecs:cluster/{name}",
    "AWS::ECS::TaskDefinition": "ecs:task-definition/{name}:7",
    "AWS::Events::Rule": "events:rule/{name}",
    "AWS::IAM::Role": "arn:aws:iam::{account}:role/{name}",
    "AWS::Lambda::Function": "lambda:function:{name}",
    "AWS::Logs::LogGroup": "logs:log-group:{name}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::SNS::Topic": "sns:{name}",
    "AWS::SQS::Queue": "sqs:{name}",
    "AWS::SecretsManager::Secret": "secretsmanager:secret:{name}",
}
_REF_IS_THE_ARN = {
    "AWS::CodeConnections::Connection",
    "AWS::ECS::TaskDefinition",
    "AWS::SNS::Topic",
    "AWS::SecretsManager::Secret",
}
_NAMED_BY = {"AWS::Logs::LogGroup": "LogGroupName", "AWS::ECS::TaskDefinition": "Family"}
_PSEUDO = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::URLSuffix": "amazonaws.com"}
_NOTHING = object()


class Deployment:
    """The stacks of one place, with the references of their resources to be resolved."""

    def __init__(self, stacks: Stacks | None = None) -> None:
        self.stacks = stacks or load_all()
        self._wiring = load_wiring()

    def arn(self, address: str) -> str:
        """The ARN of a resource, given as `stack.LogicalName`."""
        stack, logical = address.split(".")
        form = _ARNS[self.stacks[stack]["Resources"][logical]["Type"]]
        if not form.startswith("arn:"):
            service, _, rest = form.partition(":")
            form = f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"
        return form.format(name=self._name(stack, logical), account=ACCOUNT)

    def _name(self, stack: str, logical: str) -> str:
        resource = self.stacks[stack]["Resources"][logical]
        given = resource.get("Properties", {}).get(_NAMED_BY.get(resource["Type"], ""))
        if given is not None:
            return str(self.resolved(stack, given))
        name = f"{PREFIX}-{stack}-{logical}"
        return name.lower() if resource["Type"] in {"AWS::S3::Bucket", "AWS::ECR::Repository"} else name

    def resolved(self, stack: str, node: Any) -> Any:
        """A part of a template as CloudFormation would make it; what is `AWS::NoValue` is left out."""
        found = self._resolve(stack, node)
        return None if found is _NOTHING else found

    def _resolve(self, stack: str, node: Any) -> Any:
        if isinstance(node, dict):
            if len(node) == 1 and (function := _FUNCTIONS.get(next(iter(node)))):
                return function(self, stack, next(iter(node.values())))
            assert not any(key.startswith("Fn::") for key in node), f"{node} is not understood"
            values = {str(key): self._resolve(stack, value) for key, value in node.items()}
            return {key: value for key, value in values.items() if value is not _NOTHING}
        if isinstance(node, list):
            return [found for entry in node if (found := self._resolve(stack, entry)) is not _NOTHING]
        return str(node) if isinstance(node, str) else node

    def _ref(self, stack: str, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NOTHING
        if name == "AWS::StackName":
            return f"{PREFIX}-{stack}"
        if name in _PSEUDO:
            return _PSEUDO[name]
        template = self.stacks[stack]
        if name not in template["Resources"]:
            return self._parameter(stack, name)
        return self.arn(f"{stack}.{name}") if self._type(stack, name) in _REF_IS_THE_ARN else self._name(stack, name)

    def _type(self, stack: str, logical: str) -> str:
        return str(self.stacks[stack]["Resources"][logical]["Type"])

    def _parameter(self, stack: str, name: str) -> Any:
        if output := self._wiring[stack]["takes"].get(name):
            source, _, key = output.partition(".")
            return self._resolve(source, self.stacks[source]["Outputs"][key]["Value"])
        return GIVEN.get(name, self.stacks[stack]["Parameters"][name].get("Default", f"the given {name}"))

    def _attribute(self, stack: str, argument: list[str] | str) -> str:
        logical, _, attribute = (argument if isinstance(argument, str) else ".".join(argument)).partition(".")
        return self.arn(f"{stack}.{logical}") if attribute == "Arn" else f"{PREFIX}-{stack}-{logical}-{attribute}"

    def _substituted(self, stack: str, argument: str | list[Any]) -> str:
        text, variables = (argument, {}) if isinstance(argument, str) else argument

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name in variables:
                return str(self._resolve(stack, variables[name]))
            return str(self._attribute(stack, name) if "." in name else self._ref(stack, name))

        return re.sub(r"\$\{([^!}]+)\}", value, text)

    def _holds(self, stack: str, condition: Any) -> bool:
        if isinstance(condition, str):
            return bool(self._resolve(stack, self.stacks[stack]["Conditions"][condition]))
        return bool(self._resolve(stack, condition))

    def _chosen(self, stack: str, argument: list[Any]) -> Any:
        return self._resolve(stack, argument[1 if self._holds(stack, argument[0]) else 2])

    def _equal(self, stack: str, argument: list[Any]) -> bool:
        one, other = (str(self._resolve(stack, side)) for side in argument)
        return one == other


_FUNCTIONS = {
    "Ref": Deployment._ref,
    "Condition": Deployment._holds,
    "Fn::GetAtt": Deployment._attribute,
    "Fn::Sub": Deployment._substituted,
    "Fn::If": Deployment._chosen,
    "Fn::Equals": Deployment._equal,
    "Fn::Not": lambda self, stack, argument: not self._holds(stack, argument[0]),
    "Fn::And": lambda self, stack, argument: all(self._holds(stack, each) for each in argument),
    "Fn::Or": lambda self, stack, argument: any(self._holds(stack, each) for each in argument),
}


@functools.cache
def deployment() -> Deployment:
    """The templates as they are."""
    return Deployment()
