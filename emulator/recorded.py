"""What nothing here acts out: accepted, written down, given names and attributes of the right form."""

from __future__ import annotations

import json
import logging
import uuid
from dataclasses import dataclass

from emulator.cloudformation import (
    HANDLERS,
    Create,
    Made,
    Properties,
    Update,
    account_id,
    name_for,
    nothing,
    region,
    register,
)
from emulator.service_api import at_least
from emulator.settings import folder

log = logging.getLogger("emulator")

NOT_PROVED = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "that tasks are added and taken away; the least number is kept to",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "that tasks are added and taken away",
    "AWS::Budgets::Budget": "that the budget warns",
    "AWS::CloudFront::VpcOrigin": "that CloudFront's private way to the load balancer is open",
    "AWS::CodeConnections::Connection": "that the repository can be read",
    "AWS::CodePipeline::Pipeline": "that the pipeline runs",
    "AWS::EC2::Instance": "that the NAT instance forwards",
    "AWS::Logs::Delivery": "that CloudFront's access logs arrive",
    "AWS::Logs::DeliveryDestination": "that CloudFront's access logs arrive",
    "AWS::Logs::DeliverySource": "that CloudFront's access logs arrive",
    "AWS::WAFv2::LoggingConfiguration": "that what the firewall turns away is logged",
    "AWS::XRay::Group": "that traces with faults are grouped",
}
"""What a rehearsal does not prove, by the type that is only written down."""

STORED = {
    "AWS::CertificateManager::Certificate": "that the certificate is issued",
    "AWS::CloudFront::CachePolicy": "that CloudFront caches: it passes every request on",
    "AWS::CloudFront::Distribution": "that CloudFront compresses, and speaks TLS to browsers",
    "AWS::CloudFront::OriginRequestPolicy": "that only these headers reach the load balancer",
    "AWS::CloudFront::ResponseHeadersPolicy": "that answers get these headers",
    "AWS::CloudWatch::Dashboard": "that the dashboard shows what it should",
    "AWS::CodeBuild::Project": "that the builds run",
    "AWS::EC2::FlowLog": "that traffic is logged",
    "AWS::EC2::LaunchTemplate": "that the NAT instance forwards",
    "AWS::EC2::NatGateway": "that private subnets reach the internet this way",
    "AWS::EC2::Route": "that packets go where the routes say",
    "AWS::EC2::SecurityGroup": "that only who is named gets through: containers reach each other freely",
    "AWS::EC2::VPCEndpoint": "that AWS is reached without the internet",
    "AWS::ECS::ClusterCapacityProviderAssociations": "that Spot is cheaper, and takes tasks away unasked",
    "AWS::IAM::Role": "that a program may do what it needs, and no more; what services call is held to their roles",
    "AWS::Route53::RecordSet": "that the name leads there",
    "AWS::S3::Bucket": "that files move to cheaper storage, expire and are encrypted",
    "AWS::S3::BucketPolicy": "that the policy is kept to",
    "AWS::SecretsManager::RotationSchedule": "that a rotation is due after its days; RotateSecret is acted out",
    "AWS::WAFv2::WebACL": "that the firewall turns anything away",
}
"""As `NOT_PROVED`, of types that MiniStack has and lets do nothing, or not all that they do on AWS."""


@dataclass(frozen=True)
class Record:
    """One resource that was accepted and nothing else."""

    kind: str
    not_proved: str
    stack: str
    name: str


made: list[Record] = []
"""Those of this run."""


def install() -> None:
    """Accept each of the types."""
    for kind, not_proved in STORED.items():
        HANDLERS[kind]["create"] = _noted(HANDLERS[kind]["create"], kind, not_proved)
    for kind in NOT_PROVED:
        register(kind, _recorder(kind), nothing, _recorded_again(_recorder(kind)))


def note(kind: str, not_proved: str, stack: str, name: str) -> None:
    """Write down that something is not acted out.

    Args:
        kind: Of what kind it is: a resource type, or a part of one.
        not_proved: What a rehearsal therefore does not prove; a clause that begins with "that".
        stack: The stack that it is of.
        name: Its logical name there.
    """
    record = Record(kind, not_proved, stack, name)
    if record not in made:
        log.warning("recorded only: %s %s of %s", kind, name, stack)
        made.append(record)
        _write_down()


def _noted(create: Create, kind: str, not_proved: str) -> Create:
    def noted(logical_id: str, properties: Properties, stack: str) -> Made:
        made = create(logical_id, properties, stack)
        note(kind, not_proved, stack, logical_id)
        return made

    return noted


def _recorder(kind: str) -> Create:
    def create(logical_id: str, properties: Properties, stack: str) -> Made:
        note(kind, NOT_PROVED[kind], stack, logical_id)
        if kind == "AWS::ApplicationAutoScaling::ScalableTarget":
            at_least(str(properties["ResourceId"]), int(properties["MinCapacity"]))
        return _names(kind, name_for(stack, logical_id), properties)

    return create


def _recorded_again(create: Create) -> Update:
    def update(physical_id: str, _before: Properties, now: Properties, stack: str, name: str) -> Made:
        create(name, now, stack)
        return physical_id, {}

    return update


def _write_down() -> None:
    """For `python -m emulator status`, which is another process."""
    found: dict[tuple[str, str], list[str]] = {}
    for record in made:
        found.setdefault((record.kind, record.not_proved), []).append(f"{record.stack}/{record.name}")
    entries = [
        {"kind": kind, "not_proved": not_proved, "count": len(names), "resources": names}
        for (kind, not_proved), names in sorted(found.items())
    ]
    (folder() / "recorded.json").write_text(json.dumps(entries, indent=2), encoding="utf-8")


def _names(kind: str, name: str, properties: Properties) -> Made:  # noqa: PLR0911 - one for each type
    """The physical id and the attributes, in the form that AWS gives them: they are parameters of other stacks."""
    here = f"{region()}:{account_id()}"
    match kind:
        case "AWS::ApplicationAutoScaling::ScalableTarget":
            parts = (properties.get(key) for key in ("ResourceId", "ScalableDimension", "ServiceNamespace"))
            return "|".join(str(part) for part in parts), {}
        case "AWS::ApplicationAutoScaling::ScalingPolicy":
            return f"arn:aws:autoscaling:{here}:scalingPolicy:{uuid.uuid4()}:policyName/{name}", {}
        case "AWS::CloudFront::VpcOrigin":
            origin = "vo_" + uuid.uuid4().hex[:20]
            arn = f"arn:aws:cloudfront::{account_id()}:vpcorigin/{origin}"
            return origin, {"Id": origin, "Arn": arn, "Status": "Deployed"}
        case "AWS::CodeConnections::Connection":
            arn = f"arn:aws:codeconnections:{here}:connection/{uuid.uuid4()}"
            return arn, {"ConnectionArn": arn, "ConnectionStatus": "PENDING"}
        case "AWS::CodePipeline::Pipeline":
            return str(properties.get("Name") or name), {"Version": "1"}
        case "AWS::EC2::Instance":
            return f"i-{uuid.uuid4().hex[:17]}", {"PrivateIp": "10.20.0.10", "PublicIp": "198.51.100.10"}
        case "AWS::Logs::DeliveryDestination":
            arn = f"arn:aws:logs:{here}:delivery-destination:{properties['Name']}"
            return str(properties["Name"]), {"Arn": arn}
        case "AWS::Logs::DeliverySource":
            return str(properties["Name"]), {"Arn": f"arn:aws:logs:{here}:delivery-source:{properties['Name']}"}
        case "AWS::XRay::Group":
            arn = f"arn:aws:xray:{here}:group/{properties.get('GroupName', name)}/{uuid.uuid4().hex[:8].upper()}"
            return arn, {"GroupARN": arn}
        case _:
            return name, {}
