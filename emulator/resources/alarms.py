"""Alarms over more than one metric, which MiniStack's templates refuse and its API forgets."""

from __future__ import annotations

import copy
from typing import Any

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
    cloudwatch._put_metric_alarm = _with_metrics(cloudwatch._put_metric_alarm)


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


def _with_metrics(put: Any) -> Any:
    """Keep the metrics that an alarm calculates with: MiniStack takes them and forgets them."""

    def repaired(parameters: Any, given: Any, *protocol: Any, **options: Any) -> Any:
        answer = put(parameters, given, *protocol, **options)
        if answer[0] < 400 and given and given.get("Metrics"):
            alarm = cloudwatch._alarms[given["AlarmName"]]
            alarm["Metrics"] = given["Metrics"]
            for key in ("Dimensions", "MetricName", "Namespace", "Period", "Statistic"):
                alarm.pop(key, None)
        return answer

    return repaired


def _metric(entry: Properties) -> dict[str, Any]:
    """A template's metric with numbers and truths as such."""
    metric: dict[str, Any] = copy.deepcopy(dict(entry))
    if "ReturnData" in metric:
        metric["ReturnData"] = boolean(metric["ReturnData"])
    if "MetricStat" in metric:
        metric["MetricStat"]["Period"] = int(metric["MetricStat"]["Period"])
    return metric
