"""Whether a service may do something on behalf of a resource: MiniStack can tell, and never asks."""

from __future__ import annotations

import json
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam


def refused_to_role(role_arn: str, service: str, action: str, resource: str) -> str | None:
    """Why a service, in a role, may not do something; None when it may.

    Args:
        role_arn: The role that the service takes.
        service: Who takes it, such as "scheduler.amazonaws.com".
        action: What it wants, such as "lambda:InvokeFunction".
        resource: The ARN that it wants it of.
    """
    name = role_arn.rsplit("/", 1)[-1]
    role = iam._roles.get(name)
    if role is None:
        return f"there is no role {role_arn}"
    if not _trusts(role["AssumeRolePolicyDocument"], service):
        return f"the role {name} does not trust {service}"
    context = _context(f"arn:aws:sts::{get_account_id()}:assumed-role/{name}/service", action, resource)
    policies = iam_evaluator._gather_role_policies(name, get_account_id())
    if iam_evaluator.evaluate(context, policies).decision != "Allow":
        return f"the role {name} may not {action} of {resource}"
    return None


def refused_by_policy(policy: Any, service: str, action: str, resource: str, source_arn: str) -> str | None:
    """Why a resource's own policy does not let a service do something; None when it does.

    Args:
        policy: The resource's policy.
        service: Who asks, such as "events.amazonaws.com".
        action: What it wants.
        resource: The ARN that it wants it of.
        source_arn: On whose behalf, such as the ARN of a rule.
    """
    context = _context(f"arn:aws:iam::{get_account_id()}:service/{service}", action, resource, source_arn)
    if iam_evaluator.evaluate_resource_policy(policy, context, service=service).decision != "Allow":
        return f"the policy of {resource} does not let {service} {action} on behalf of {source_arn}"
    return None


def _trusts(policy: Any, service: str) -> bool:
    context = _context("*", "sts:AssumeRole", "*")
    statements = json.loads(policy) if isinstance(policy, str) else policy
    # A trust policy names no resource: it is of the role itself.
    whole = {"Statement": [{**statement, "Resource": "*"} for statement in statements["Statement"]]}
    found = iam_evaluator.evaluate_resource_policy(whole, context, service=service)
    return bool(found.decision == "Allow")


def _context(principal: str, action: str, resource: str, source_arn: str = "") -> Any:
    return iam_evaluator.EvalContext(
        principal_arn=principal,
        principal_type="AssumedRole",
        principal_account=get_account_id(),
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context={"aws:sourceaccount": get_account_id(), "aws:sourcearn": source_arn},
    )
