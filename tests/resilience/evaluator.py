"""Run in the emulator's environment: what IAM says to questions. JSON comes in, a list of decisions goes out.

The evaluation is MiniStack's, the one by which the emulated AWS decides: an explicit Deny, then an Allow of which
action, resource and every condition fit, else no. A question with a `service` is one of a resource's own policy.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from ministack.core import iam_evaluator


def decision(question: dict[str, Any]) -> str:
    """What a question's policies come to: Allow, Deny, or ImplicitDeny where they say nothing."""
    keys = {key.lower(): value for key, value in question["context"].items()}
    context = iam_evaluator.EvalContext(
        principal_arn=question["principal"],
        principal_type="AssumedRole",
        principal_account=question["principal"].split(":")[4],
        action=question["action"],
        resource_arn=question["resource"],
        region="us-east-1",
        secure_transport=keys.pop("aws:securetransport", "true") == "true",
        service_context=keys,
    )
    if "service" in question:
        document = {"Statement": question["statements"]}
        found = iam_evaluator.evaluate_resource_policy(document, context, service=question["service"])
    else:
        found = iam_evaluator.evaluate(
            context, [iam_evaluator.parse_policy_document({"Statement": question["statements"]})]
        )
    return str(found.decision)


if __name__ == "__main__":
    json.dump([decision(question) for question in json.load(sys.stdin)], sys.stdout)
