"""Alarms over more than one metric, which MiniStack's templates refuse and its API takes; alarms described whole."""

from __future__ import annotations

import copy
import json
from typing import Any
from xml.sax.saxutils import escape

from ministack.services import cloudwatch

from emulator.cloudformation import Create, Made, Properties, account_id, boolean, client, name_for, region, repair

_TEXTS = (
    "AlarmActions",
    "AlarmDescription",
    "ComparisonOperator",
    "InsufficientDataActions",
    "OKActions",
    "TreatMissingData",
)
_NUMBERS = ("DatapointsToAlarm", "EvaluationPeriods")


def install() -> None:
    """Repair the type."""
    repair("AWS::CloudWatch::Alarm", _with_metric_math)
    cloudwatch._describe_alarms = _whole(cloudwatch._describe_alarms)


def _with_metric_math(create: Create) -> Create:
    def repaired(name: str, properties: Properties, stack: str) -> Made:
        if not properties.get("Metrics"):
            return create(name, properties, stack)
        alarm = str(properties.get("AlarmName") or name_for(stack, name))
        options: dict[str, Any] = {key: properties[key] for key in _TEXTS if key in properties}
        options |= {key: int(properties[key]) for key in _NUMBERS if key in properties}
        client("cloudwatch").put_metric_alarm(
            AlarmName=alarm,
            Metrics=[_metric(entry) for entry in properties["Metrics"]],
            Threshold=float(properties["Threshold"]),
            **options,
        )
        return alarm, {"Arn": f"arn:aws:cloudwatch:{region()}:{account_id()}:alarm:{alarm}"}

    return repaired


def _whole(describe: Any) -> Any:
    """All of an alarm for clients that ask in XML, to whom MiniStack tells little: no metrics, no actions, no period."""

    def repaired(parameters: Any, given: Any, is_cbor: bool, is_json: bool = False) -> Any:  # noqa: FBT001, FBT002 - MiniStack's
        if is_cbor or is_json:
            return describe(parameters, given, is_cbor, is_json)
        asked: dict[str, Any] = {
            key: cloudwatch._p(parameters, key)
            for key in ("AlarmNamePrefix", "StateValue", "MaxRecords", "NextToken")
            if cloudwatch._p(parameters, key)
        }
        for key in ("AlarmNames", "AlarmTypes"):
            members = (cloudwatch._p(parameters, f"{key}.member.{index}") for index in range(1, 101))
            asked[key] = [member for member in members if member]
        status, headers, body = describe(parameters, asked, False, True)  # noqa: FBT003 - MiniStack's
        if status >= 400:
            return describe(parameters, given, is_cbor, is_json)
        found = "".join(_xml(key, value) for key, value in json.loads(body).items())
        return cloudwatch._xml(200, "DescribeAlarmsResponse", f"<DescribeAlarmsResult>{found}</DescribeAlarmsResult>")

    return repaired


def _xml(name: str, value: Any) -> str:
    if isinstance(value, dict):
        return f"<{name}>" + "".join(_xml(key, entry) for key, entry in value.items()) + f"</{name}>"
    if isinstance(value, list):
        return f"<{name}>" + "".join(_xml("member", entry) for entry in value) + f"</{name}>"
    if value is None:
        return ""
    return f"<{name}>{escape(str(value).lower() if isinstance(value, bool) else str(value))}</{name}>"


def _metric(entry: Properties) -> dict[str, Any]:
    """A template's metric with numbers and truths as such."""
    metric: dict[str, Any] = copy.deepcopy(dict(entry))
    if "ReturnData" in metric:
        metric["ReturnData"] = boolean(metric["ReturnData"])
    if "MetricStat" in metric:
        metric["MetricStat"]["Period"] = int(metric["MetricStat"]["Period"])
    return metric
