"""Rotation of secrets: the function is called for each of its four steps, where MiniStack copies the old password."""

from __future__ import annotations

import logging
import time
import uuid
from typing import Any

from ministack.core.concurrency import spawn_background
from ministack.core.responses import error_response_json, json_response
from ministack.services import secretsmanager

from emulator import functions
from emulator.permissions import refused_by_policy

log = logging.getLogger("emulator")

_STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")


def install() -> None:
    """Repair the call. That a secret is due after so many days is not acted out."""
    secretsmanager._rotate_secret = _rotate


def _rotate(data: dict[str, Any]) -> Any:
    _, secret = secretsmanager._resolve(data.get("SecretId"))
    if not secret or secret.get("DeletedDate"):
        message = "Secrets Manager can't find the specified secret."
        return error_response_json("ResourceNotFoundException", message, 400)
    arn = data.get("RotationLambdaARN") or secret.get("RotationLambdaARN")
    if not arn:
        message = "No Lambda rotation function ARN is associated with this secret."
        return error_response_json("InvalidRequestException", message, 400)
    try:
        refusal = refused_by_policy(
            functions.function(arn)["policy"],
            "secretsmanager.amazonaws.com",
            "lambda:InvokeFunction",
            arn,
            secret["ARN"],
        )
    except functions.RefusedError as error:
        refusal = str(error)
    if refusal:
        message = f"Secrets Manager cannot invoke the specified Lambda function: {refusal}"
        return error_response_json("AccessDeniedException", message, 400)
    secret["RotationLambdaARN"] = arn
    secret["RotationRules"] = data.get("RotationRules") or secret.get("RotationRules") or {}
    secret["RotationEnabled"] = True
    token = data.get("ClientRequestToken") or str(uuid.uuid4())
    # With `RotateImmediately` false, Secrets Manager tries one step, to see that the function answers.
    steps = _STEPS if data.get("RotateImmediately", True) else ("testSecret",)
    _begin(secret, token)
    spawn_background(_go_through, secret, token, steps, thread_name="emulator-rotation")
    return json_response({"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token})


def _begin(secret: dict[str, Any], token: str) -> None:
    """A version without a value yet, for the function to fill."""
    for version in secret["Versions"].values():
        version["Stages"] = [stage for stage in version["Stages"] if stage != "AWSPENDING"]
    secret["Versions"][token] = {
        "SecretString": None,
        "SecretBinary": None,
        "CreatedDate": int(time.time()),
        "Stages": ["AWSPENDING"],
    }


def _go_through(secret: dict[str, Any], token: str, steps: tuple[str, ...]) -> None:
    for step in steps:
        event = {"SecretId": secret["ARN"], "ClientRequestToken": token, "Step": step}
        try:
            functions.call_and_wait(secret["RotationLambdaARN"], event)
        except functions.RefusedError as error:
            log.error("rotation of %s failed at %s: %s", secret["Name"], step, error)
            break
        log.info("rotation of %s: %s done", secret["Name"], step)
    else:
        secret["LastRotatedDate"] = int(time.time())
    if steps != _STEPS:
        secret["Versions"].pop(token, None)  # a trial leaves nothing behind
