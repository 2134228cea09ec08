"""The lines of the Embedded Metric Format, and what they hold of a pass."""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import math
import os
from typing import Any

import pytest

from worker.metrics import MAX_BYTES, PassMetrics, emf, publish_pass

AT = datetime.datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=datetime.UTC)
PASS = PassMetrics(
    files_loaded=167,
    files_failed=1,
    files_unchanged=2,
    rows_read=1_729_957,
    rows_inserted=1_729_950,
    rows_updated=5,
    rows_rejected=2,
    seconds=4.0004,
    failed=True,
)


def line(**changes: Any) -> str:
    arguments: dict[str, Any] = {
        "namespace": "Windsock",
        "dimensions": {"Service": "ingestion"},
        "metrics": {"Rows": (3, "Count")},
        "properties": {},
        "at": AT,
    }
    return emf(**{**arguments, **changes})


def test_the_line_has_the_structure_of_the_specification() -> None:
    text = line(metrics={"Rows": (3, "Count"), "Seconds": (0.5, "Seconds")}, properties={"source": "s3://b/ü\n"})
    assert "\n" not in text
    assert json.loads(text) == {
        "_aws": {
            "Timestamp": 1767323045678,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Windsock",
                    "Dimensions": [["Service"]],
                    "Metrics": [{"Name": "Rows", "Unit": "Count"}, {"Name": "Seconds", "Unit": "Seconds"}],
                }
            ],
        },
        "Service": "ingestion",
        "Rows": 3,
        "Seconds": 0.5,
        "source": "s3://b/ü\n",
    }


def test_the_limits_themselves_are_accepted() -> None:
    metrics = {f"m{number}": (-(2.0**360), "Bytes/Second") for number in range(100)}
    dimensions = {f"d{number}".ljust(250, "x"): "v" * 1024 for number in range(30)}
    assert len(json.loads(line(metrics=metrics, dimensions=dimensions))) == 131
    assert json.loads(line(dimensions={}))["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [[]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"metrics": {}}, "0 metrics; CloudWatch takes 1 to 100"),
        ({"metrics": {f"m{number}": (1, "Count") for number in range(101)}}, "101 metrics"),
        ({"metrics": {"m": (math.nan, "Count")}}, "the metric m is nan, not a number that CloudWatch takes"),
        ({"metrics": {"m": (math.inf, "Count")}}, "the metric m is inf"),
        ({"metrics": {"m": (2.0**361, "Count")}}, "the metric m is 4"),
        ({"metrics": {"m": (True, "Count")}}, "the metric m is True"),
        ({"metrics": {"m": (1, "Rows")}}, "the unit Rows, which CloudWatch does not know"),
        ({"metrics": {" ": (1, "Count")}}, "the metric ' ' is not 1 to"),
        ({"dimensions": {f"d{number}": "v" for number in range(31)}}, "31 dimensions; CloudWatch takes 30"),
        ({"dimensions": {":d": "v"}}, "without a leading :"),
        ({"dimensions": {"d": ""}}, "the value of the dimension d is not"),
        ({"dimensions": {"d": "v" * 1025}}, "the value of the dimension d is not"),
        ({"dimensions": {"d": "Zürich"}}, "the value of the dimension d is not"),
        ({"namespace": ""}, "the namespace '' is not"),
        ({"namespace": ":x"}, "the namespace ':x' is not"),
        ({"namespace": "x" * 256}, "is not 1 to 255"),
        ({"namespace": "AWS/ECS"}, "belong to AWS"),
        ({"properties": {"_aws": 1}}, "the name _aws is taken already"),
        ({"properties": {"Rows": 1}}, "the name Rows is taken already"),
        ({"dimensions": {"Rows": "v"}}, "the name Rows is taken already"),
        ({"properties": {"text": "x" * MAX_BYTES}}, f"CloudWatch Logs takes {MAX_BYTES}"),
        ({"properties": {"x": math.nan}}, "not JSON compliant"),
        ({"at": AT.replace(tzinfo=None)}, "no time zone"),
    ],
)
def test_what_cloudwatch_would_drop_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        line(**changes)


def test_a_pass_is_one_line_with_all_its_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    publish_pass(PASS, metrics_format="emf", environment="staging", properties={"run": 7}, at=AT)
    written = capsys.readouterr().out
    assert written.endswith("}\n")
    assert written.count("\n") == 1
    document = json.loads(written)
    directive = document.pop("_aws")["CloudWatchMetrics"][0]
    assert document == {
        "Service": "ingestion",
        "Environment": "staging",
        "FilesLoaded": 167,
        "FilesFailed": 1,
        "FilesUnchanged": 2,
        "RowsRead": 1729957,
        "RowsInserted": 1729950,
        "RowsUpdated": 5,
        "RowsRejected": 2,
        "Seconds": 4.0,
        "RowsPerSecond": 432446.0,
        "Failure": 1,
        "run": 7,
    }
    assert directive["Namespace"] == "Windsock"
    assert directive["Dimensions"] == [["Service", "Environment"]]
    units = {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}
    assert units.pop("Seconds") == "Seconds"
    assert units.pop("RowsPerSecond") == "Count/Second"
    assert set(units.values()) == {"Count"}


def test_a_pass_of_no_time_has_no_rate() -> None:
    output = io.StringIO()
    publish_pass(PassMetrics(0, 0, 0, 0, 0, 0, 0, seconds=0.0, failed=False), metrics_format="emf", stream=output)
    document = json.loads(output.getvalue())
    assert (document["RowsPerSecond"], document["Failure"]) == (0.0, 0)
    assert document["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["Service"]]
    age = datetime.datetime.now(datetime.UTC).timestamp() * 1000 - document["_aws"]["Timestamp"]
    assert abs(age) < 60_000


def test_nothing_is_written_unless_asked(capsys: pytest.CaptureFixture[str]) -> None:
    publish_pass(PASS, metrics_format="none")
    assert capsys.readouterr() == ("", "")


def test_an_output_that_is_closed_does_not_fail_the_pass(caplog: pytest.LogCaptureFixture) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    output = os.fdopen(writer, "w")
    publish_pass(PASS, metrics_format="emf", stream=output)
    assert "the metrics could not be written: [Errno 32] Broken pipe" in caplog.text
    with contextlib.suppress(BrokenPipeError):  # it tries once more
        output.close()
