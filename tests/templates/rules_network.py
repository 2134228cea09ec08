"""Rules of who reaches whom, and by what. Each gives what is wrong with the stacks: an empty list when nothing is."""

from __future__ import annotations

from typing import Any

from tests.templates.stacks import Stacks, choices, containers, environment, items, load_wiring, resources, walk

POSTGRES = 5432
CLIENTS = {"Fn::GetAtt": ["ClientSecurityGroup", "GroupId"]}
DATABASE = {"Fn::GetAtt": ["DatabaseSecurityGroup", "GroupId"]}


def _covers_postgres(rule: dict[str, Any]) -> bool:
    if str(rule["IpProtocol"]) == "-1":
        return True
    return any(
        isinstance(low, int) and isinstance(high, int) and low <= POSTGRES <= high
        for low in choices(rule["FromPort"])
        for high in choices(rule["ToPort"])
    )


def database_is_reached_by_its_clients_only(stacks: Stacks) -> list[str]:
    found = []
    admitted = [
        (name, rule.get("SourceSecurityGroupId"))
        for name, group in resources(stacks, "AWS::EC2::SecurityGroup")
        for rule in group["Properties"].get("SecurityGroupIngress", [])
        if _covers_postgres(rule)
    ]
    admitted += [
        (name, rule["Properties"].get("SourceSecurityGroupId"))
        for name, rule in resources(stacks, "AWS::EC2::SecurityGroupIngress")
        if _covers_postgres(rule["Properties"])
    ]
    if admitted != [("database.DatabaseSecurityGroup", CLIENTS)]:
        found.append(f"PostgreSQL's port is open for {admitted}")
    for name, server in resources(stacks, "AWS::RDS::DBInstance"):
        if server["Properties"]["VPCSecurityGroups"] != [DATABASE]:
            found.append(f"{name} is not in the database's security group alone")
        if server["Properties"]["PubliclyAccessible"] is not False:
            found.append(f"{name} may have a public address")
    return found


def no_public_subnet_holds_a_task_or_a_database(stacks: Stacks) -> list[str]:
    return _public_subnets_are_for_nat(stacks) + _all_is_placed_in_private(stacks)


def _public_subnets_are_for_nat(stacks: Stacks) -> list[str]:
    found = []
    allowed = ("AWS::EC2::NatGateway", "AWS::EC2::Instance", "AWS::EC2::SubnetRouteTableAssociation")
    for name, resource in resources({"network": stacks["network"]}):
        uses = [node for _, node in walk(resource) if isinstance(node, dict) and "PublicSubnet" in str(node.get("Ref"))]
        if uses and resource["Type"] not in allowed:
            found.append(f"{name} is in a public subnet")
    found += [
        f"network's output {name} hands out a public subnet"
        for name, output in stacks["network"]["Outputs"].items()
        if "PublicSubnet" in str(output["Value"])
    ]
    found += [
        f"{name} leads out of the database subnets"
        for name, route in resources(stacks, "AWS::EC2::Route")
        if route["Properties"]["RouteTableId"] == {"Ref": "DatabaseRoutes"}
    ]
    return found + [
        f"{stack} takes {source} for {parameter}"
        for stack, wires in load_wiring().items()
        for parameter, source in wires["takes"].items()
        if parameter.endswith("SubnetIds") and source != f"network.{parameter}"
    ]


def _all_is_placed_in_private(stacks: Stacks) -> list[str]:
    private, database = {"Ref": "PrivateSubnetIds"}, {"Ref": "DatabaseSubnetIds"}
    found = []
    for name, service in resources(stacks, "AWS::ECS::Service"):
        placed = service["Properties"]["NetworkConfiguration"]["AwsvpcConfiguration"]
        if placed["AssignPublicIp"] != "DISABLED" or placed["Subnets"] != private:
            found.append(f"{name} is not held in the private subnets")
    for name, group in resources(stacks, "AWS::RDS::DBSubnetGroup"):
        if group["Properties"]["SubnetIds"] != database:
            found.append(f"{name} is not of the database subnets")
    for name, function in resources(stacks, "AWS::Lambda::Function"):
        if function["Properties"].get("VpcConfig", {}).get("SubnetIds", private) != private:
            found.append(f"{name} is not in the private subnets")
    for name, balancer in resources(stacks, "AWS::ElasticLoadBalancingV2::LoadBalancer"):
        if balancer["Properties"]["Scheme"] != "internal" or balancer["Properties"]["Subnets"] != private:
            found.append(f"{name} has a public address")
    return found


def load_balancer_hears_cloudfront_only(stacks: Stacks) -> list[str]:
    rules = stacks["cluster"]["Resources"]["LoadBalancerSecurityGroup"]["Properties"]["SecurityGroupIngress"]
    sources = [{key: rule[key] for key in rule if key.startswith(("Source", "Cidr"))} for rule in rules]
    right = sources == [{"SourcePrefixListId": {"Ref": "CloudFrontPrefixListId"}}]
    return [] if right else [f"the load balancer admits {sources}"]


def nothing_admits_the_whole_internet(stacks: Stacks) -> list[str]:
    everywhere = ("0.0.0.0/0", "::/0")
    return [
        f"{name} admits the whole internet"
        for name, group in resources(stacks, "AWS::EC2::SecurityGroup")
        for rule in group["Properties"].get("SecurityGroupIngress", [])
        if rule.get("CidrIp") in everywhere or rule.get("CidrIpv6") in everywhere
    ]


def _edge_tls(stacks: Stacks) -> list[str]:
    found = []
    for name, distribution in resources(stacks, "AWS::CloudFront::Distribution"):
        config = distribution["Properties"]["DistributionConfig"]
        if config["DefaultCacheBehavior"]["ViewerProtocolPolicy"] not in ("redirect-to-https", "https-only"):
            found.append(f"{name} answers without TLS")
        own = [choice for choice in choices(config["ViewerCertificate"]) if "AcmCertificateArn" in choice]
        if [choice["MinimumProtocolVersion"] for choice in own] != ["TLSv1.2_2021"]:
            found.append(f"{name} takes less than TLS 1.2 with a certificate of its own")
    for name, origin in resources(stacks, "AWS::CloudFront::VpcOrigin"):
        config = origin["Properties"]["VpcOriginEndpointConfig"]
        # Without a domain nobody issues a certificate for the load balancer: the one hop that is plain, inside the VPC.
        if config["OriginProtocolPolicy"] != {"Fn::If": ["DomainGiven", "https-only", "http-only"]}:
            found.append(f"{name} does not use TLS wherever there is a domain")
        if config["OriginSSLProtocols"] != ["TLSv1.2"]:
            found.append(f"{name} takes less than TLS 1.2")
    return found


def _balancer_tls(stacks: Stacks) -> list[str]:
    found = []
    for name, listener in resources(stacks, "AWS::ElasticLoadBalancingV2::Listener"):
        properties = listener["Properties"]
        if properties["Protocol"] == "HTTP" and listener.get("Condition") != "NoDomain":
            found.append(f"{name} is plain although there may be a domain")
        if properties["Protocol"] == "HTTPS" and "TLS13-1-2" not in properties["SslPolicy"]:
            found.append(f"{name} takes less than TLS 1.2")
    return found


def tls_from_the_edge_to_the_database(stacks: Stacks) -> list[str]:
    found = _edge_tls(stacks) + _balancer_tls(stacks)
    for name, group in resources(stacks, "AWS::RDS::DBParameterGroup"):
        if group["Properties"]["Parameters"].get("rds.force_ssl") != "1":
            found.append(f"{name} lets clients in without TLS")
    for name, container in containers(stacks):
        for variable in ("WINDSOCK_DATABASE_URL", "WINDSOCK_DATABASE_REPLICA_URL"):
            url = environment(container).get(variable)
            if url and not url["Fn::Sub"].endswith("?sslmode=verify-full&sslrootcert=${DatabaseCaFile}"):
                found.append(f"{name} does not check the database's certificate")
    types = ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy")
    for name, policy in resources(stacks, *types):
        refused = [
            statement
            for statement in items(policy["Properties"]["PolicyDocument"]["Statement"])
            if statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        ]
        if not refused:
            found.append(f"{name} allows access without TLS")
    return found
