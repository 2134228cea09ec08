"""What a restore decides without asking AWS: which moment is meant, and what RDS is asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator

from deployment.moments import Window, check_in, moment, stamp
from deployment.restore import modification, request
from deployment.servers import MOMENT_TAG, Found, RestoreError, name_before

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
EARLIER = datetime(2026, 11, 22, 5, 30, tzinfo=UTC)

LIVE: dict[str, Any] = {
    "DBInstanceIdentifier": "windsock-production-database-1",
    "DBInstanceClass": "db.m7g.large",
    "Endpoint": {"Address": "windsock-production-database-1.abc.us-east-1.rds.amazonaws.com", "Port": 5432},
    "DBSubnetGroup": {"DBSubnetGroupName": "subnets"},
    "VpcSecurityGroups": [{"VpcSecurityGroupId": "sg-1", "Status": "active"}],
    "DBParameterGroups": [{"DBParameterGroupName": "parameters", "ParameterApplyStatus": "in-sync"}],
    "MultiAZ": True,
    "PubliclyAccessible": False,
    "AutoMinorVersionUpgrade": True,
    "StorageType": "gp3",
    "Iops": 3000,
    "StorageThroughput": 125,
    "MaxAllocatedStorage": 100,
    "IAMDatabaseAuthenticationEnabled": False,
    "CACertificateIdentifier": "rds-ca-rsa2048-g1",
    "BackupRetentionPeriod": 14,
    "PreferredBackupWindow": "03:00-04:00",
    "PreferredMaintenanceWindow": "sun:04:00-sun:05:00",
    "CopyTagsToSnapshot": True,
    "DeletionProtection": True,
    "EngineLifecycleSupport": "open-source-rds-extended-support-disabled",
    "EnabledCloudwatchLogsExports": ["postgresql"],
    "MonitoringInterval": 60,
    "MonitoringRoleArn": "arn:aws:iam::123456789012:role/monitoring",
    "PerformanceInsightsEnabled": True,
    "PerformanceInsightsRetentionPeriod": 465,
    "DatabaseInsightsMode": "advanced",
    "TagList": [
        {"Key": "Project", "Value": "windsock"},
        {"Key": "aws:cloudformation:stack-name", "Value": "windsock-production-database"},
        {"Key": MOMENT_TAG, "Value": "2025-01-01T00:00:00Z"},
    ],
}
FRESH: dict[str, Any] = {
    "PreferredMaintenanceWindow": "mon:01:00-mon:01:30",
    "MonitoringInterval": 0,
    "PerformanceInsightsEnabled": False,
    "DatabaseInsightsMode": "standard",
}
"""What RDS gives a restored server that it was not told otherwise."""


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("latest", None),
        ("2026-11-22T05:30:00Z", EARLIER),
        ("2026-11-22 05:30+00:00", EARLIER),
        ("2026-11-22T06:30:00+01:00", EARLIER),
    ],
)
def test_a_moment_is_one_with_its_zone(text: str, meant: datetime | None) -> None:
    assert moment(text, NOW) == meant


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-22T25:00:00Z", "1h", "Latest", "2026-11-22T05:30:00"])
def test_what_is_none_is_said_with_what_is_accepted(text: str) -> None:
    with pytest.raises(RestoreError, match=r"to is '.*2026-11-22T05:30:00Z, not in the future, or latest"):
        moment(text, NOW)


def test_the_future_cannot_be_restored() -> None:
    with pytest.raises(RestoreError, match=r"in the future \(it is 2026-11-23T06:00:00Z\)"):
        moment("2026-11-23T06:00:01Z", NOW)


def test_a_moment_has_to_be_in_the_window() -> None:
    window = Window(EARLIER.replace(microsecond=300), NOW - timedelta(minutes=5))
    for wanted in (None, EARLIER, NOW - timedelta(minutes=5)):
        check_in(window, wanted)
    with pytest.raises(RestoreError, match=r"before the earliest .* from 2026-11-22T05:30:00Z to 2026-11-23T05:55:00Z"):
        check_in(window, EARLIER - timedelta(seconds=1))
    with pytest.raises(RestoreError, match="cannot be restored yet"):
        check_in(window, NOW)


@pytest.mark.parametrize("wanted", [None, EARLIER])
def test_rds_is_asked_for_a_server_as_the_one_that_lives(wanted: datetime | None) -> None:
    asked = request(LIVE, "windsock-production-database-1-restored", wanted, {MOMENT_TAG: stamp(EARLIER)})
    shape = boto3.client("rds", region_name="us-east-1").meta.service_model
    model = shape.operation_model("RestoreDBInstanceToPointInTime").input_shape
    assert not ParamValidator().validate(asked, model).has_errors()
    assert asked["DBSubnetGroupName"] == "subnets"
    assert asked["VpcSecurityGroupIds"] == ["sg-1"]
    assert asked["DBParameterGroupName"] == "parameters"
    assert (asked["MultiAZ"], asked["DeletionProtection"], asked["BackupRetentionPeriod"]) == (True, True, 14)
    assert asked["EnableCloudwatchLogsExports"] == ["postgresql"]
    assert "Iops" not in asked
    assert (asked.get("RestoreTime"), asked.get("UseLatestRestorableTime")) == (wanted, None if wanted else True)
    # CloudFormation's own tags cannot be given, and an earlier restore's mark is not this one's.
    assert asked["Tags"] == [
        {"Key": "Project", "Value": "windsock"},
        {"Key": MOMENT_TAG, "Value": "2026-11-22T05:30:00Z"},
    ]


def test_what_a_restore_does_not_take_is_given_afterwards() -> None:
    asked = modification(LIVE, FRESH)
    shape = boto3.client("rds", region_name="us-east-1").meta.service_model
    model = shape.operation_model("ModifyDBInstance").input_shape
    assert not ParamValidator().validate({"DBInstanceIdentifier": "x", **asked}, model).has_errors()
    assert asked == {
        "PreferredMaintenanceWindow": "sun:04:00-sun:05:00",
        "MonitoringInterval": 60,
        "MonitoringRoleArn": "arn:aws:iam::123456789012:role/monitoring",
        "EnablePerformanceInsights": True,
        "PerformanceInsightsRetentionPeriod": 465,
        "DatabaseInsightsMode": "advanced",
    }
    assert modification(LIVE, LIVE) == {}


def test_what_the_live_one_has_not_is_taken_away() -> None:
    without = {**LIVE, **FRESH}
    assert modification(without, LIVE) == {
        "PreferredMaintenanceWindow": "mon:01:00-mon:01:30",
        "MonitoringInterval": 0,
        "EnablePerformanceInsights": False,
        "DatabaseInsightsMode": "standard",
    }


def test_the_name_of_a_replaced_server_says_when() -> None:
    assert name_before("windsock-production-database-1", NOW) == "windsock-production-database-1-before-202611230600"
    longest = "windsock-" + "x" * 20 + "-database-999"
    assert len(name_before(longest, NOW)) <= 63
    with pytest.raises(RestoreError, match="RDS allows 63 characters"):
        name_before(longest + "x" * 10, NOW)


def test_what_there_is_says_how_far_a_switch_has_come() -> None:
    plain: dict[str, Any] = {"TagList": []}
    marked: dict[str, Any] = {"TagList": [{"Key": MOMENT_TAG, "Value": "then"}]}
    nothing, beside = Found("x", plain, None, []), Found("x", plain, marked, [])
    half, named, done = (
        Found("x", None, marked, [plain]),
        Found("x", marked, None, [plain]),
        Found("x", plain, None, [marked]),
    )
    again = Found("x", plain, marked, [marked])
    assert [found.half_switched for found in (nothing, beside, half, named, done, again)] == [
        False, False, True, False, False, False
    ]  # fmt: skip
    assert [found.switched_to for found in (nothing, beside, half, named, done, again)] == [
        "", "", "", "then", "then", ""
    ]  # fmt: skip
