"""What an AWS account and region have, as far as a deployment could founder on it: looked up beforehand."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from deployment import parameters
from deployment.session import Place
from deployment.stacks import Deployment
from deployment.templates import Kit

# https://docs.aws.amazon.com/vpc/latest/userguide/LocationsOfEdgeServers.html
_CLOUDFRONT_ORIGINS = "com.amazonaws.global.cloudfront.origin-facing"
# The codes of Service Quotas: VPCs a region, Elastic IP addresses a region, vCPUs of Fargate.
_QUOTAS = {
    "vpcs": ("vpc", "L-F678F1CE"),
    "addresses": ("ec2", "L-0263D0A3"),
    "fargate_vcpus": ("fargate", "L-3032A538"),
}


@dataclass
class Account:
    """What was found. Empty lists and None say that there is nothing in the way."""

    account_id: str
    caller: str
    zones: list[str]
    zones_wanted: int
    cloudfront_prefix_list: str
    overlapping_vpcs: list[str] = field(default_factory=list)
    """Other VPCs whose addresses overlap with the one wanted."""
    unknown_classes: list[str] = field(default_factory=list)
    """Instance classes of the database that the region does not offer."""
    short_quotas: list[str] = field(default_factory=list)
    """Quotas that would not suffice, each in words."""
    unknown_quotas: list[str] = field(default_factory=list)
    """Quotas that could not be looked up, with the reason."""
    stuck_stacks: list[str] = field(default_factory=list)
    """Stacks whose creation failed before."""
    busy_stacks: list[str] = field(default_factory=list)
    """Stacks that are being changed by somebody."""
    hosted_zone_problem: str | None = None
    source_problem: str | None = None


def region_problem(region: str) -> str | None:
    """What is wrong with the name of a region, without asking AWS."""
    session = boto3.Session()
    known = [
        name
        for partition in session.get_available_partitions()
        for name in session.get_available_regions("ecs", partition)
    ]
    if region in known:
        return None
    near = difflib.get_close_matches(region, known, n=1)
    hint = f"; is {near[0]} meant?" if near else f"; there are {', '.join(known)}"
    return f"aws.region is {region!r}: there is no such region{hint}"


def look(these: Deployment) -> Account:
    """Look at all that could stop a deployment.

    Raises:
        ClientError, BotoCoreError: AWS does not answer, or not to these credentials.
    """
    identity = these.place.client("sts").get_caller_identity()
    ec2 = these.place.client("ec2")
    zones = ec2.describe_availability_zones(Filters=[{"Name": "opt-in-status", "Values": ["opt-in-not-required"]}])
    values = {name: completed(these.kit, name, these.chosen) for name in these.kit.templates}
    account = Account(
        account_id=identity["Account"],
        caller=identity["Arn"],
        zones=[zone["ZoneName"] for zone in zones["AvailabilityZones"]],
        zones_wanted=int(values["network"]["ZoneCount"]),
        cloudfront_prefix_list=_prefix_list(ec2),
    )
    states = _states(these)
    account.stuck_stacks = [f"{name} is {state}" for name, state in states.items() if state in _STUCK]
    account.busy_stacks = [f"{name} is {state}" for name, state in states.items() if state.endswith("_IN_PROGRESS")]
    new = these.name("network") not in states
    if new:
        account.overlapping_vpcs = _overlapping(ec2, values["network"]["VpcCidr"])
    account.unknown_classes = _unknown_classes(these.place, values["database"])
    _look_at_quotas(these.place, account, values, new=new)
    account.hosted_zone_problem = _hosted_zone_problem(these.place, values["edge"])
    account.source_problem = _source_problem(these.place, values["ingestion"])
    return account


_STUCK = ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED", "UPDATE_ROLLBACK_FAILED")


def completed(kit: Kit, stack: str, chosen: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    """A stack's parameters as far as the inventory and the template's defaults say them."""
    return parameters.completed(kit.templates[stack], chosen.get(stack) or {})


def _prefix_list(ec2: Any) -> str:
    """The id of the list of addresses that CloudFront asks from; every region has it."""
    found = ec2.describe_managed_prefix_lists(Filters=[{"Name": "prefix-list-name", "Values": [_CLOUDFRONT_ORIGINS]}])
    return next((entry["PrefixListId"] for entry in found["PrefixLists"]), "")


def _states(these: Deployment) -> dict[str, str]:
    """The stacks of this deployment that there are, and their states."""
    states: dict[str, str] = {}
    for region in {wire.region for wire in these.kit.wiring.values()}:
        ours = {these.name(which) for which, wire in these.kit.wiring.items() if wire.region == region}
        for page in these.place.client("cloudformation", region).get_paginator("describe_stacks").paginate():
            states |= {
                entry["StackName"]: entry["StackStatus"] for entry in page["Stacks"] if entry["StackName"] in ours
            }
    return {name: state for name, state in states.items() if state not in ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS")}


def _overlapping(ec2: Any, cidr: str) -> list[str]:
    wanted = ipaddress.ip_network(cidr)
    found = []
    for page in ec2.get_paginator("describe_vpcs").paginate():
        for vpc in page["Vpcs"]:
            blocks = [entry["CidrBlock"] for entry in vpc.get("CidrBlockAssociationSet", [])] or [vpc["CidrBlock"]]
            if any(wanted.overlaps(ipaddress.ip_network(block)) for block in blocks):
                found.append(f"{vpc['VpcId']} with {', '.join(blocks)}")
    return found


def _unknown_classes(place: Place, database: Mapping[str, str]) -> list[str]:
    rds = place.client("rds")
    classes = {database["InstanceClass"]} | (
        {database["ReplicaInstanceClass"]} if database["ReadReplica"] == "yes" else set()
    )
    return [
        name
        for name in sorted(classes)
        if not rds.describe_orderable_db_instance_options(Engine="postgres", DBInstanceClass=name)[
            "OrderableDBInstanceOptions"
        ]
    ]


def _look_at_quotas(place: Place, account: Account, values: Mapping[str, Mapping[str, str]], *, new: bool) -> None:
    ec2 = place.client("ec2")
    gateways = {"one": 1, "per-zone": int(values["network"]["ZoneCount"])}.get(values["network"]["NatMode"], 0)
    api = values["api"]
    # A release runs the old and the new tasks side by side for a while.
    vcpus = 2 * int(api["MaxTasks"]) * int(api["Cpu"]) / 1024 + int(values["ingestion"]["Cpu"]) / 1024
    needed = {
        "vpcs": len(ec2.describe_vpcs()["Vpcs"]) + 1 if new else 0,
        "addresses": len(ec2.describe_addresses()["Addresses"]) + gateways if new else 0,
        "fargate_vcpus": vcpus,
    }
    client = place.client("service-quotas")
    for what, (service, code) in _QUOTAS.items():
        try:
            allowed = client.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]["Value"]
        except (ClientError, BotoCoreError) as error:
            account.unknown_quotas.append(f"{what} ({service} {code}): {error}")
            continue
        if needed[what] > allowed:
            account.short_quotas.append(
                f"{what}: {needed[what]:g} would be needed and {allowed:g} are allowed; ask for more with: "
                f"aws service-quotas request-service-quota-increase --service-code {service} --quota-code {code} "
                f"--desired-value {needed[what]:g} --region {place.region}"
            )


def _hosted_zone_problem(place: Place, edge: Mapping[str, str]) -> str | None:
    domain, zone_id = edge["DomainName"], edge["HostedZoneId"]
    if not domain:
        return None
    if not zone_id:
        return f"DomainName is {domain}, and HostedZoneId is empty: give the Route 53 zone that the name is in"
    try:
        name = place.client("route53").get_hosted_zone(Id=zone_id)["HostedZone"]["Name"].rstrip(".")
    except ClientError as error:
        return f"the hosted zone {zone_id} cannot be read: {error.response['Error'].get('Message', error)}"
    if domain != name and not domain.endswith(f".{name}"):
        return f"{domain} is not in the hosted zone {zone_id}, which is that of {name}"
    return None


def _source_problem(place: Place, ingestion: Mapping[str, str]) -> str | None:
    bucket = ingestion["SourceBucket"]
    if not bucket:
        return None
    client = place.client("s3")
    if ingestion["SourceAnonymous"] == "yes":
        client = boto3.client(
            "s3",
            region_name=place.region,
            endpoint_url=place.endpoint_url or None,
            config=Config(signature_version=UNSIGNED),
        )
    try:
        client.list_objects_v2(Bucket=bucket, Prefix=ingestion["SourcePrefix"], MaxKeys=1)
    except (ClientError, BotoCoreError) as error:
        return f"the bucket {bucket} cannot be listed: {error}"
    return None
