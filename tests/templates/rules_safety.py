"""Rules of what may do what, what is kept, and what is told. Each gives what is wrong with the stacks."""

from __future__ import annotations

import re

from tests.templates.stacks import Stacks, containers, environment, items, resources, statements, walk

# Actions that AWS binds to no resource, or not before the resource is there, and who says so: the tables "Actions,
# resources, and condition keys" of the Service Authorization Reference, unless another reason stands here.
WITHOUT_RESOURCE = {
    "application-autoscaling:DescribeScalableTargets": "a list",
    "application-autoscaling:DescribeScalingPolicies": "a list",
    "application-autoscaling:DescribeScheduledActions": "a list",
    "cloudformation:GetTemplateSummary": "of a template that is not a stack yet",
    "cloudwatch:DescribeAlarms": "a list",
    "ec2:CreateNetworkInterface": "Lambda makes it, in a form that only * covers (AWS's own policy has it so)",
    "ec2:DeleteNetworkInterface": "as CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces": "a list",
    "ec2:DescribeSecurityGroups": "a list",
    "ec2:DescribeSubnets": "a list",
    "ec2:DescribeVpcs": "a list",
    "ecr:GetAuthorizationToken": "a login for the whole registry",
    "ecs:DeregisterTaskDefinition": "no resource type",
    "ecs:DescribeTaskDefinition": "no resource type",
    "ecs:ListTasks": "bound to the cluster by a condition",
    "elasticloadbalancing:DescribeRules": "a list",
    "elasticloadbalancing:DescribeTargetGroups": "a list",
    "elasticloadbalancing:DescribeTargetHealth": "a list",
    "secretsmanager:GetRandomPassword": "a generator",
    "xray:PutTelemetryRecords": "no resource type",
    "xray:PutTraceSegments": "no resource type",
}
BOUND_BY_CONDITION = {"ecs:ListTasks"}

# What holds data, and what is to become of it when the stack goes or replaces it.
KEPT = {
    "AWS::RDS::DBInstance": "Snapshot",
    "AWS::S3::Bucket": "Retain",
    "AWS::ECR::Repository": "Delete",  # made again from a commit; one that is not empty would stop the deletion
    "AWS::SecretsManager::Secret": "Delete",  # to be had back for 30 days
    "AWS::SQS::Queue": "Delete",
    "AWS::Logs::LogGroup": "Delete",
}


def iam_statements_are_bound_to_resources(stacks: Stacks) -> list[str]:
    found = []
    for name, statement in statements(stacks):
        actions = list(items(statement["Action"]))
        found += [f"{name} allows all of {action}" for action in actions if "*" in action]
        if any(resource == "*" for resource in items(statement["Resource"])):
            free = [action for action in actions if action not in WITHOUT_RESOURCE]
            if free:
                found.append(f"{name} allows {', '.join(free)} on everything")
            if set(actions) & BOUND_BY_CONDITION and "Condition" not in statement:
                found.append(f"{name} allows {', '.join(actions)} without its condition")
    return found


def log_groups_have_a_retention(stacks: Stacks) -> list[str]:
    return [
        f"{name} is kept for ever"
        for name, group in resources(stacks, "AWS::Logs::LogGroup")
        if not group["Properties"].get("RetentionInDays")
    ]


def data_has_both_policies(stacks: Stacks) -> list[str]:
    found = []
    for name, resource in resources(stacks, *KEPT):
        replica = "SourceDBInstanceIdentifier" in resource["Properties"]  # RDS makes no last snapshot of one
        wanted = "Delete" if replica else KEPT[resource["Type"]]
        policies = (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy"))
        if policies != (wanted, wanted):
            found.append(f"{name} has {policies}, not {wanted} twice")
    return found


def data_is_encrypted(stacks: Stacks) -> list[str]:
    found = []
    for name, bucket in resources(stacks, "AWS::S3::Bucket"):
        properties = bucket["Properties"]
        blocked = properties.get("PublicAccessBlockConfiguration", {})
        if "BucketEncryption" not in properties or list(blocked.values()) != [True] * 4:
            found.append(f"{name} is not encrypted or not closed to the public")
        if properties.get("VersioningConfiguration") != {"Status": "Enabled"}:
            found.append(f"{name} keeps no old versions")
    for name, server in resources(stacks, "AWS::RDS::DBInstance"):
        properties = server["Properties"]
        if "SourceDBInstanceIdentifier" not in properties and list(items(properties["StorageEncrypted"])) != [True]:
            found.append(f"{name} is not encrypted")
    return found


def alarms_have_an_action(stacks: Stacks) -> list[str]:
    topics = ({"Ref": "AlarmTopic"}, {"Ref": "AlarmTopicArn"})
    return [
        f"{name} tells nobody"
        for name, alarm in resources(stacks, "AWS::CloudWatch::Alarm")
        if not any(action in topics for action in alarm["Properties"].get("AlarmActions", []))
    ]


def no_password_is_written_down(stacks: Stacks) -> list[str]:
    found = []
    for name, container in containers(stacks):
        for variable, value in environment(container).items():
            if re.search(r"PASSWORD|TOKEN|_KEY$", variable) or "resolve:" in str(value):
                found.append(f"{name} is given a password in {variable}")
            if re.fullmatch("WINDSOCK_DATABASE_(REPLICA_)?URL", variable) and re.search(
                r"//[^/@]*:[^/@]*@", str(value)
            ):
                found.append(f"{name} has a password in its {variable}")
    for stack, template in stacks.items():
        for output, definition in template.get("Outputs", {}).items():
            if "resolve:" in str(definition["Value"]) or "password" in output.lower():
                found.append(f"{stack} gives out a password in {output}")
        found += [
            f"{stack}{path} resolves a secret"
            for path, node in walk(template)
            if isinstance(node, str)
            and "resolve:secretsmanager" in node
            and path != "/Resources/Database/Properties/MasterUserPassword/Fn::Sub"
        ]
    return found
