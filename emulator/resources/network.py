"""Networks, addresses, NAT gateways, rules of security groups, flow logs, a cluster's capacity providers."""

from __future__ import annotations

import logging
import uuid
from ipaddress import IPv4Network
from typing import Any

from botocore.exceptions import ClientError
from ministack.services import ec2

from emulator.cloudformation import Create, Made, Properties, again, client, nothing, register, repair

log = logging.getLogger("emulator")

_LARGEST, _SMALLEST = 16, 28  # the lengths of address ranges that EC2 takes
_CLIENT_ERROR = "(Service: Ec2, Status Code: 400)"


def install() -> None:
    """Add the types."""
    register("AWS::EC2::EIP", _address, _release_address)
    register("AWS::EC2::NatGateway", _nat_gateway, _delete_nat_gateway)
    register("AWS::EC2::FlowLog", _flow_log, lambda name, _: client("ec2").delete_flow_logs(FlowLogIds=[name]))
    register("AWS::ECS::ClusterCapacityProviderAssociations", _capacity_providers, nothing, again(_capacity_providers))
    for way, peer in (("Ingress", "SourceSecurityGroupId"), ("Egress", "DestinationSecurityGroupId")):
        _register_rule(way, peer)
    repair("AWS::EC2::VPC", _checked_network)
    repair("AWS::EC2::Subnet", _checked_subnet)


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


def _checked_network(create: Create) -> Create:
    """A network's address range, checked as EC2 does; and `GetAtt Vpc.CidrBlock`, which MiniStack leaves out."""

    def repaired(name: str, properties: Properties, stack: str) -> Made:
        given = _range(str(properties["CidrBlock"]))
        if not _LARGEST <= given.prefixlen <= _SMALLEST:
            raise ValueError(f"The CIDR '{properties['CidrBlock']}' is invalid. {_CLIENT_ERROR}")
        made, attributes = create(name, {**properties, "CidrBlock": str(given)}, stack)
        return made, {**attributes, "CidrBlock": str(given)}

    return repaired


def _checked_subnet(create: Create) -> Create:
    """A subnet's address range, which must be in its network and of nobody else."""

    def repaired(name: str, properties: Properties, stack: str) -> Made:
        given = _range(str(properties["CidrBlock"]))
        network = ec2._vpcs.get(properties["VpcId"])
        if network is None:
            raise ValueError(f"The vpc ID '{properties['VpcId']}' does not exist {_CLIENT_ERROR}")
        inside = given.subnet_of(IPv4Network(network["CidrBlock"]))
        if not inside or not _LARGEST <= given.prefixlen <= _SMALLEST:
            raise ValueError(f"The CIDR '{given}' is invalid. {_CLIENT_ERROR}")
        for other in ec2._subnets.values():
            if other["VpcId"] == properties["VpcId"] and given.overlaps(IPv4Network(other["CidrBlock"])):
                raise ValueError(f"The CIDR '{given}' conflicts with another subnet {_CLIENT_ERROR}")
        return create(name, {**properties, "CidrBlock": str(given)}, stack)

    return repaired


def _range(text: str) -> IPv4Network:
    """An address range. One with bits beyond its length is cut to it, as EC2 does."""
    try:
        if "/" not in text:
            raise ValueError("it has no length")
        return IPv4Network(text, strict=False)
    except ValueError as error:
        raise ValueError(
            f"Value ({text}) for parameter cidrBlock is invalid. This is not a valid CIDR block. {_CLIENT_ERROR}"
        ) from error
