"""A change set in words, and what of it would take data away."""

from __future__ import annotations

from deployment.changes import of_change_set

TEMPLATE = """
Resources:
  Primary: {Type: AWS::RDS::DBInstance, DeletionPolicy: Snapshot}
  Bucket: {Type: AWS::S3::Bucket, DeletionPolicy: Retain}
  Topic: {Type: AWS::SNS::Topic, DeletionPolicy: Delete}
"""


def entry(action: str, name: str, replacement: str | None = None, *causes: str) -> dict[str, object]:
    change: dict[str, object] = {"Action": action, "LogicalResourceId": name, "ResourceType": "AWS::RDS::DBInstance"}
    if replacement:
        change["Replacement"] = replacement
    change["Details"] = [{"Target": {"Attribute": "Properties", "Name": cause}} for cause in causes]
    return {"Type": "Resource", "ResourceChange": change}


def test_each_kind_of_change_has_its_word() -> None:
    entries = [
        entry("Add", "Replica"),
        entry("Modify", "Primary", "False", "BackupRetentionPeriod"),
        entry("Modify", "Bucket", "Conditional", "BucketName"),
        entry("Modify", "Topic", "True", "TopicName", "DisplayName"),
        entry("Remove", "Topic"),
    ]
    assert [str(change) for change in of_change_set(entries, TEMPLATE)] == [
        "add         Replica (RDS DBInstance)",
        "modify      Primary (RDS DBInstance): BackupRetentionPeriod",
        "may replace Bucket (RDS DBInstance): BucketName",
        "replace     Topic (RDS DBInstance): DisplayName, TopicName",
        "remove      Topic (RDS DBInstance)",
    ]


def test_what_is_made_anew_if_another_resource_changes_is_replaced() -> None:
    change = entry("Modify", "Primary", "Conditional")
    change["ResourceChange"]["Details"] = [{"Target": {"Name": "DBSubnetGroupName", "RequiresRecreation": "Always"}}]  # type: ignore[index]
    assert of_change_set([change], TEMPLATE)[0].loses_data


def test_only_what_holds_data_and_goes_loses_data() -> None:
    entries = [
        entry("Modify", "Primary", "True", "SnapshotIdentifier"),
        entry("Remove", "Bucket"),
        entry("Modify", "Primary", "False", "BackupRetentionPeriod"),
        entry("Remove", "Topic"),
        entry("Modify", "Topic", "True", "TopicName"),
    ]
    assert [change.loses_data for change in of_change_set(entries, TEMPLATE)] == [True, True, False, False, False]
