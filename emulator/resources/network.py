"""Addresses, NAT gateways, rules of security groups, flow logs, a cluster's capacity providers."""

from __future__ import annotations

import logging
import uuid
from typing import Any

from botocore.exceptions import ClientError

from emulator.cloudformation import Create, Made, Properties, client, nothing, register, repair

log = logging.getLogger("emulator")


def install() -> None:
    """Add the types."""
    register("AWS::EC2::EIP", _address, _release_address)
    register("AWS::EC2::NatGateway", _nat_gateway, _delete_nat_gateway)
    register("AWS::EC2::FlowLog", _flow_log, lambda name, _: client("ec2").delete_flow_logs(FlowLogIds=[name]))
    register("AWS::ECS::ClusterCapacityProviderAssociations", _capacity_providers, nothing)
    for way, peer in (("Ingress", "SourceSecurityGroupId"), ("Egress", "DestinationSecurityGroupId")):
        _register_rule(way, peer)
    repair("AWS::EC2::VPC", _with_cidr_block)


def _address(_name: str, _properties: Properties, _stack: str) -> Made:
    made = client("ec2").allocate_address(Domain="vpc")
    return made["PublicIp"], {"AllocationId": made["AllocationId"], "PublicIp": made["PublicIp"]}


def _release_address(address: str, _properties: Properties) -> None:
    for found in client("ec2").describe_addresses(PublicIps=[address])["Addresses"]:
        client("ec2").release_address(AllocationId=found["AllocationId"])


def _nat_gateway(_name: str, properties: Properties, _stack: str) -> Made:
    wanted = {key: properties[key] for key in ("SubnetId", "AllocationId", "ConnectivityType") if key in properties}
    made = client("ec2").create_nat_gateway(**wanted)["NatGateway"]["NatGatewayId"]
    return made, {"NatGatewayId": made}


def _delete_nat_gateway(name: str, _properties: Properties) -> None:
    client("ec2").delete_nat_gateway(NatGatewayId=name)


def _flow_log(_name: str, properties: Properties, _stack: str) -> Made:
    made = client("ec2").create_flow_logs(
        ResourceIds=[properties["ResourceId"]],
        ResourceType=properties["ResourceType"],
        TrafficType=properties["TrafficType"],
        LogGroupName=properties["LogGroupName"],
        DeliverLogsPermissionArn=properties["DeliverLogsPermissionArn"],
    )["FlowLogIds"][0]
    return made, {"Id": made}


def _capacity_providers(_name: str, properties: Properties, _stack: str) -> Made:
    strategy = [
        {key[0].lower() + key[1:]: int(value) if str(value).isdigit() else value for key, value in entry.items()}
        for entry in properties.get("DefaultCapacityProviderStrategy", [])
    ]
    client("ecs").put_cluster_capacity_providers(
        cluster=properties["Cluster"],
        capacityProviders=properties["CapacityProviders"],
        defaultCapacityProviderStrategy=strategy,
    )
    return properties["Cluster"], {}


def _register_rule(way: str, peer: str) -> None:
    def create(_name: str, properties: Properties, _stack: str) -> Made:
        permissions = _permissions(properties, peer)
        authorize = getattr(client("ec2"), f"authorize_security_group_{way.lower()}")
        authorize(GroupId=properties["GroupId"], IpPermissions=permissions)
        rule = "sgr-" + uuid.uuid4().hex[:17]
        return rule, {"Id": rule}

    def delete(_rule: str, properties: Properties) -> None:
        revoke = getattr(client("ec2"), f"revoke_security_group_{way.lower()}")
        try:
            revoke(GroupId=properties["GroupId"], IpPermissions=_permissions(properties, peer))
        except ClientError as error:  # gone with its group
            log.info("%s of %s: %s", way, properties["GroupId"], error)

    register(f"AWS::EC2::SecurityGroup{way}", create, delete)


def _permissions(properties: Properties, peer: str) -> list[dict[str, Any]]:
    rule: dict[str, Any] = {"IpProtocol": str(properties["IpProtocol"])}
    rule |= {key: int(properties[key]) for key in ("FromPort", "ToPort") if key in properties}
    if properties.get("CidrIp"):
        rule["IpRanges"] = [{"CidrIp": properties["CidrIp"]}]
    if properties.get(peer):
        rule["UserIdGroupPairs"] = [{"GroupId": properties[peer]}]
    return [rule]


def _with_cidr_block(create: Create) -> Create:
    """`GetAtt Vpc.CidrBlock`, which MiniStack leaves out."""

    def repaired(name: str, properties: Properties, stack: str) -> Made:
        made, attributes = create(name, properties, stack)
        return made, {**attributes, "CidrBlock": properties["CidrBlock"]}

    return repaired
