"""What becomes of the files in a bucket with time, which MiniStack's templates leave out."""

from __future__ import annotations

from typing import Any

from emulator.cloudformation import Create, Made, Properties, client, repair


def install() -> None:
    """Repair the type."""
    repair("AWS::S3::Bucket", _with_lifecycle)


def _with_lifecycle(create: Create) -> Create:
    def repaired(name: str, properties: Properties, stack: str) -> Made:
        bucket, attributes = create(name, properties, stack)
        rules = (properties.get("LifecycleConfiguration") or {}).get("Rules", [])
        if rules:
            client("s3").put_bucket_lifecycle_configuration(
                Bucket=bucket, LifecycleConfiguration={"Rules": [_rule(rule) for rule in rules]}
            )
        return bucket, attributes

    return repaired


def _rule(rule: Properties) -> dict[str, Any]:
    """A template's rule as the API has it."""
    made: dict[str, Any] = {"ID": rule["Id"], "Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "ExpirationInDays" in rule:
        made["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    if "NoncurrentVersionExpiration" in rule:
        days = int(rule["NoncurrentVersionExpiration"]["NoncurrentDays"])
        made["NoncurrentVersionExpiration"] = {"NoncurrentDays": days}
    if "AbortIncompleteMultipartUpload" in rule:
        days = int(rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"])
        made["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": days}
    if rule.get("Transitions"):
        made["Transitions"] = [
            {"Days": int(each["TransitionInDays"]), "StorageClass": each["StorageClass"]}
            for each in rule["Transitions"]
        ]
    return made
