"""What was changed behind CloudFormation's back: in the console, for instance."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

_WAIT_S = 300.0


@dataclass(frozen=True)
class Drift:
    """One resource that is no longer as its template says."""

    name: str
    type: str
    state: str
    """MODIFIED or DELETED."""
    differences: tuple[str, ...]
    """Each property that differs, with what is wanted and what there is."""


def drifted(client: Any, stack: str) -> list[Drift] | str:
    """Compare a stack's resources with what they should be. Nothing is changed.

    Returns:
        The resources that differ, or, where AWS could not compare them, why.
    """
    try:
        detection = client.detect_stack_drift(StackName=stack)["StackDriftDetectionId"]
        until = time.monotonic() + _WAIT_S
        while True:
            found = client.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
            if found["DetectionStatus"] == "DETECTION_COMPLETE":
                break
            if found["DetectionStatus"] == "DETECTION_FAILED":
                return str(found.get("DetectionStatusReason", "AWS does not say why"))
            if time.monotonic() > until:
                return f"it is not compared after {_WAIT_S:.0f} s"
            time.sleep(1)
        differing = client.describe_stack_resource_drifts(
            StackName=stack, StackResourceDriftStatusFilters=["MODIFIED", "DELETED"]
        )
    except ClientError as error:
        return str(error.response["Error"].get("Message", error))
    return [
        Drift(
            name=entry["LogicalResourceId"],
            type=entry["ResourceType"],
            state=entry["StackResourceDriftStatus"],
            differences=tuple(
                f"{one['PropertyPath']} should be {one['ExpectedValue']} and is {one['ActualValue']}"
                for one in entry.get("PropertyDifferences", [])
            ),
        )
        for entry in differing["StackResourceDrifts"]
    ]
