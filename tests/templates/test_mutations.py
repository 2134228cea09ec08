"""That the rules can fail: each is shown a template with the fault that it is for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.templates import rules_network as network
from tests.templates import rules_release as release
from tests.templates import rules_safety as safety
from tests.templates import stacks as stacks_module
from tests.templates.stacks import Stacks, items, load_all
from tests.templates.test_templates import Rule, rules


def properties(stacks: Stacks, address: str) -> Any:
    stack, name = address.split(".")
    return stacks[stack]["Resources"][name]["Properties"]


def change(address: str, **changed: object) -> Callable[[Stacks], None]:
    return lambda stacks: properties(stacks, address).update(changed)


def drop(address: str, key: str) -> Callable[[Stacks], None]:
    return lambda stacks: properties(stacks, address).pop(key)


def admit(address: str, **rule: object) -> Callable[[Stacks], None]:
    return lambda stacks: properties(stacks, address).setdefault("SecurityGroupIngress", []).append(rule)


def allow(address: str, action: str, resource: object) -> Callable[[Stacks], None]:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return lambda stacks: properties(stacks, address)["Policies"][0]["PolicyDocument"]["Statement"].append(statement)


def variable(address: str, name: str, value: str) -> Callable[[Stacks], None]:
    entry = {"Name": name, "Value": value}
    return lambda stacks: properties(stacks, address)["ContainerDefinitions"][0]["Environment"].append(entry)


def replace(address: str, key: str, old: str, new: str) -> Callable[[Stacks], None]:
    def mutate(stacks: Stacks) -> None:
        environment = items(properties(stacks, address)["ContainerDefinitions"][0]["Environment"])
        entry = next(it for it in environment if it["Name"] == key)
        entry["Value"]["Fn::Sub"] = entry["Value"]["Fn::Sub"].replace(old, new)

    return mutate


def set_in(*path: str | int, value: object) -> Callable[[Stacks], None]:
    def mutate(stacks: Stacks) -> None:
        node: Any = stacks
        for step in path[:-1]:
            node = node[step]
        node[path[-1]] = value

    return mutate


VPC = {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "CidrIp": "10.0.0.0/8"}
LISTENER = {"Type": "AWS::ElasticLoadBalancingV2::ListenerRule", "Properties": {}}
DEPLOYMENT = ("api", "Resources", "Service", "Properties", "DeploymentConfiguration")

FAULTS: list[tuple[Rule, Callable[[Stacks], None]]] = [
    (network.database_is_reached_by_its_clients_only, admit("database.DatabaseSecurityGroup", **VPC)),
    (network.database_is_reached_by_its_clients_only, change("database.Database", PubliclyAccessible=True)),
    (network.database_is_reached_by_its_clients_only, change("database.Replica", VPCSecurityGroups=["sg-1"])),
    (
        network.no_public_subnet_holds_a_task_or_a_database,
        set_in("network", "Outputs", "PrivateSubnetIds", "Value", value={"Ref": "PublicSubnet1"}),
    ),
    (
        network.no_public_subnet_holds_a_task_or_a_database,
        change(
            "api.Service", NetworkConfiguration={"AwsvpcConfiguration": {"AssignPublicIp": "ENABLED", "Subnets": []}}
        ),
    ),
    (network.no_public_subnet_holds_a_task_or_a_database, change("cluster.LoadBalancer", Scheme="internet-facing")),
    (
        network.no_public_subnet_holds_a_task_or_a_database,
        change("network.PublicDefaultRoute", RouteTableId={"Ref": "DatabaseRoutes"}),
    ),
    (network.load_balancer_hears_cloudfront_only, admit("cluster.LoadBalancerSecurityGroup", **VPC)),
    (network.nothing_admits_the_whole_internet, admit("cluster.ApiSecurityGroup", CidrIp="0.0.0.0/0")),
    (
        network.tls_from_the_edge_to_the_database,
        replace("api.TaskDefinition", "WINDSOCK_DATABASE_URL", "verify-full", "require"),
    ),
    (
        network.tls_from_the_edge_to_the_database,
        replace("api.TaskDefinition", "WINDSOCK_DATABASE_REPLICA_URL", "verify-full", "require"),
    ),
    (
        network.tls_from_the_edge_to_the_database,
        set_in("cluster", "Resources", "PlainListener", "Condition", value="DomainGiven"),
    ),
    (network.tls_from_the_edge_to_the_database, change("database.ParameterGroup", Parameters={"rds.force_ssl": "0"})),
    (
        network.tls_from_the_edge_to_the_database,
        change("storage.WeatherBucketPolicy", PolicyDocument={"Statement": []}),
    ),
    (safety.iam_statements_are_bound_to_resources, allow("api.TaskRole", "secretsmanager:GetSecretValue", "*")),
    (safety.iam_statements_are_bound_to_resources, allow("ingestion.WorkerRole", "s3:*", "arn:aws:s3:::bucket")),
    (safety.iam_statements_are_bound_to_resources, allow("ingestion.CheckerRole", "ecs:ListTasks", "*")),
    (safety.log_groups_have_a_retention, drop("cluster.ApiLogGroup", "RetentionInDays")),
    (safety.data_has_both_policies, set_in("database", "Resources", "Database", "UpdateReplacePolicy", value="Delete")),
    (safety.data_has_both_policies, set_in("storage", "Resources", "WeatherBucket", "DeletionPolicy", value=None)),
    (safety.data_is_encrypted, drop("storage.WeatherBucket", "BucketEncryption")),
    (safety.data_is_encrypted, change("database.Database", StorageEncrypted=False)),
    (safety.alarms_have_an_action, change("monitoring.CpuAlarm", AlarmActions=[])),
    (safety.no_password_is_written_down, variable("api.TaskDefinition", "PGPASSWORD", "secret")),
    (
        safety.no_password_is_written_down,
        replace(
            "ingestion.WorkerTaskDefinition", "WINDSOCK_DATABASE_URL", "windsock_worker@", "windsock_worker:secret@"
        ),
    ),
    (
        safety.no_password_is_written_down,
        set_in("database", "Outputs", "X", value={"Value": "{{resolve:secretsmanager:a:SecretString:password}}"}),
    ),
    (release.scaled_services_have_no_desired_count, change("api.Service", DesiredCount=2)),
    (release.releases_do_not_touch_the_production_rule, set_in("api", "Resources", "Rule", value=LISTENER)),
    (release.releases_are_rolled_back_by_alarms, set_in(*DEPLOYMENT, "Alarms", "AlarmNames", value=[])),
    (release.releases_are_rolled_back_by_alarms, set_in(*DEPLOYMENT, "Strategy", value="ROLLING")),
    (release.releases_are_rolled_back_by_alarms, change("api.ErrorsAlarm", EvaluationPeriods=3)),
    (release.programs_know_their_variables, variable("api.TaskDefinition", "WINDSOCK_NO_SUCH", "1")),
    (release.programs_know_their_variables, variable("ingestion.WorkerTaskDefinition", "OTEL_SDK_DISABLED", "true")),
    (release.programs_know_their_variables, change("ingestion.Checker", Environment={"Variables": {}})),
    (
        release.a_pass_is_told_what_started_it,
        set_in(
            "ingestion", "Resources", "WorkerTaskDefinition", "Properties", "ContainerDefinitions", 0, "Name", value="w"
        ),
    ),
    (
        release.a_pass_is_told_what_started_it,
        set_in(
            "ingestion", "Resources", "DailySchedule", "Properties", "Target", "Input", value='{"trigger": "somebody"}'
        ),
    ),
    (
        release.alarms_watch_metrics_that_programs_write,
        change("monitoring.IngestionFailureAlarm", MetricName="Failures"),
    ),
    (release.stacks_fit_together, set_in("network", "Outputs", value={})),
    (release.stacks_fit_together, set_in("api", "Parameters", "X", value={"Type": "String", "Description": "From"})),
    (release.stacks_fit_together, set_in("registry", "Outputs", "X", value={"Value": "nobody takes it"})),
    (
        release.stacks_are_not_locked_together,
        set_in("network", "Outputs", "VpcId", value={"Value": "x", "Export": {"Name": "vpc"}}),
    ),
    (release.stacks_are_not_locked_together, change("cluster.Cluster", ClusterName={"Fn::ImportValue": "x"})),
    (
        release.parameters_are_described_bounded_and_grouped,
        set_in("api", "Parameters", "Cpu", value={"Type": "Number", "Description": "From the inventory."}),
    ),
    (release.everything_is_tagged, drop("network.Vpc", "Tags")),
    (release.names_come_from_the_stack, change("cluster.ApiLogGroup", LogGroupName="/windsock/api")),
]


@pytest.mark.parametrize(
    ("rule", "fault"), FAULTS, ids=[f"{rule.__name__}-{at}" for at, (rule, _) in enumerate(FAULTS)]
)
def test_a_fault_is_found(rule: Rule, fault: Callable[[Stacks], None]) -> None:
    stacks = load_all()
    fault(stacks)
    assert rule(stacks) != []


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (release.templates_are_small_enough, "x" * 51_201),
        (
            release.each_resource_has_a_comment,
            "\n".join(["Resources:", *(f"  {n}:" for n in load_all()["registry"]["Resources"])]),
        ),
    ],
)
def test_a_fault_in_the_text_is_found(monkeypatch: pytest.MonkeyPatch, rule: Rule, text: str) -> None:
    monkeypatch.setattr(release, "text", lambda _name: text)
    assert rule({"registry": load_all()["registry"]}) != []


def test_no_rule_is_left_unproved() -> None:
    in_text = {release.templates_are_small_enough, release.each_resource_has_a_comment}
    assert {rule for rule, _ in FAULTS} | in_text == set(rules())
    assert stacks_module.NAMES
