"""Lambda called by events: with permission only, tried again when it fails, at last handed to where failures go."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from ministack.services import eventbridge, lambda_svc

from emulator import recorded
from emulator.cloudformation import Create, Made, Properties, repair
from emulator.permissions import refused_by_policy

log = logging.getLogger("emulator")


class RefusedError(Exception):
    """A function may not be called, or is not there; the message says why."""


def install() -> None:
    """Repair what MiniStack calls once, whoever asks, and forgets."""
    invoke = eventbridge._invoke_target

    def repaired(target: dict[str, Any], event: dict[str, Any], rule: dict[str, Any], view: Any = None) -> None:
        if ":lambda:" in target.get("Arn", ""):
            refusal = refused_by_policy(
                function(target["Arn"])["policy"],
                "events.amazonaws.com",
                "lambda:InvokeFunction",
                target["Arn"],
                rule.get("Arn", ""),
            )
            if refusal:
                log.error("rule %s calls nothing: %s", rule.get("Name"), refusal)
                return
        invoke(target, event, rule, view)

    eventbridge._invoke_target = repaired
    eventbridge._dispatch_to_lambda = lambda arn, payload: call(arn, json.loads(payload))
    repair("AWS::Lambda::Function", _on_this_python)


def function(arn: str) -> dict[str, Any]:
    """The record of a function.

    Raises:
        RefusedError: There is none.
    """
    record, _configuration, name = lambda_svc._get_func_record_for_ref(arn)
    if not record:
        raise RefusedError(f"there is no function {name or arn}")
    found: dict[str, Any] = record
    return found


def call(arn: str, event: Any) -> None:
    """Call a function without waiting for it: tried again, and handed on at last, as its `EventInvokeConfig` says."""
    record, configuration, _name = lambda_svc._get_func_record_for_ref(arn)
    if not record or not configuration:
        raise RefusedError(f"there is no function {arn}")
    asked = {key: record[key] for key in ("event_invoke_config", "event_invoke_configs") if key in record}
    lambda_svc.invoke_async_with_retry(
        {**lambda_svc._execution_record_for_config(record, configuration), **asked}, event
    )


def call_and_wait(arn: str, event: Any) -> None:
    """Call a function and wait for it.

    Raises:
        RefusedError: It failed; the message is its error.
    """
    record, configuration, _name = lambda_svc._get_func_record_for_ref(arn)
    if not record or not configuration:
        raise RefusedError(f"there is no function {arn}")
    result = lambda_svc._execute_function_with_config_scope(
        lambda_svc._execution_record_for_config(record, configuration), event
    )
    if result.get("error"):
        body = result.get("body")
        raise RefusedError(str(body.get("errorMessage", body) if isinstance(body, dict) else body))


def _on_this_python(create: Create) -> Create:
    def repaired(name: str, properties: Properties, stack: str) -> Made:
        here = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        if properties.get("Runtime") != here:
            recorded.note(
                "AWS::Lambda::Function (runtime)",
                f"that functions run on {properties.get('Runtime')} without network or memory limits: they run on "
                f"{here}, as processes of this machine",
                stack,
                name,
            )
        return create(name, properties, stack)

    return repaired
