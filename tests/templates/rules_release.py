"""Rules of releases and of how the stacks are written. Each gives what is wrong with the stacks."""

from __future__ import annotations

import dataclasses
import io
import json
import re

from app.settings import ApiSettings
from runtime.environment import describe
from tests.templates.stacks import (
    NAMES,
    Stacks,
    containers,
    environment,
    load_wiring,
    resources,
    schema_properties,
    text,
    walk,
)
from worker import checker, metrics, trigger
from worker.settings import MigrateSettings, OnePassSettings

MAX_BYTES = 51_200
CONSTRAINTS = {"AllowedPattern", "AllowedValues", "MinValue", "MaxValue"}
GIVEN_NAMES = {
    "AWS::ApplicationAutoScaling::ScalingPolicy": "PolicyName",
    "AWS::CloudFront::CachePolicy": "CachePolicyConfig",
    "AWS::CloudWatch::Dashboard": "DashboardName",
    "AWS::CodePipeline::Pipeline": "Name",
    "AWS::ECS::Service": "ServiceName",
    "AWS::ECS::TaskDefinition": "Family",
    "AWS::Logs::DeliveryDestination": "Name",
    "AWS::Logs::DeliverySource": "Name",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::RDS::DBInstance": "DBInstanceIdentifier",
    "AWS::XRay::Group": "GroupName",
}


def scaled_services_have_no_desired_count(stacks: Stacks) -> list[str]:
    return [
        f"{name} sets DesiredCount"
        for name, it in resources(stacks, "AWS::ECS::Service")
        if "DesiredCount" in it["Properties"]
    ]


def releases_do_not_touch_the_production_rule(stacks: Stacks) -> list[str]:
    found = []
    rules = [name for name, _ in resources(stacks, "AWS::ElasticLoadBalancingV2::ListenerRule")]
    if rules != ["cluster.ProductionRule"]:
        found.append(f"listener rules are {rules}")
    balancer = stacks["api"]["Resources"]["Service"]["Properties"]["LoadBalancers"][0]["AdvancedConfiguration"]
    if balancer["ProductionListenerRule"] != {"Ref": "ProductionRuleArn"}:
        found.append("the service shifts another rule than that of the cluster")
    if load_wiring()["api"]["takes"]["ProductionRuleArn"] != "cluster.ProductionRuleArn":
        found.append("the rule is not wired to the service")
    return found


def releases_are_rolled_back_by_alarms(stacks: Stacks) -> list[str]:
    found = []
    template = stacks["api"]
    service = template["Resources"]["Service"]["Properties"]
    deployment = service["DeploymentConfiguration"]
    if deployment["Strategy"] != "BLUE_GREEN" or service["DeploymentController"] != {"Type": "ECS"}:
        found.append("the service is not released blue/green by ECS")
    if "DeploymentCircuitBreaker" in deployment:
        found.append("the circuit breaker is for rolling releases")
    alarms = {
        name: it["Properties"] for name, it in template["Resources"].items() if it["Type"] == "AWS::CloudWatch::Alarm"
    }
    rolls_back = deployment["Alarms"]["Enable"] is True and deployment["Alarms"]["Rollback"] is True
    if not rolls_back or sorted(name["Ref"] for name in deployment["Alarms"]["AlarmNames"]) != sorted(alarms):
        found.append("not every alarm of the API rolls a release back")
    bake_s = template["Parameters"]["BakeMinutes"]["MinValue"] * 60
    found += [
        f"{name} goes off after the bake time"
        for name, alarm in alarms.items()
        if alarm["Period"] * alarm["EvaluationPeriods"] >= bake_s
    ]
    return found


def programs_know_their_variables(stacks: Stacks) -> list[str]:
    known = {
        "api": {variable.name: variable for variable in describe(ApiSettings)},
        "worker": {variable.name: variable for variable in describe(OnePassSettings)},
        "migrate": {variable.name: variable for variable in describe(MigrateSettings)},
    }
    given = {name.split()[1]: environment(container) for name, container in containers(stacks)}
    function = stacks["ingestion"]["Resources"]["Checker"]["Properties"]["Environment"]["Variables"]
    known["checker"], given["checker"] = {it.name: it for it in describe(checker.CheckerSettings)}, function
    found = []
    for program, variables in known.items():
        ours = {name for name in given[program] if name.startswith(("WINDSOCK_", "OTEL_"))}
        found += [f"{program} knows no {name}" for name in sorted(ours - set(variables))]
        required = {name for name, variable in variables.items() if variable.required}
        found += [f"{program} is not given {name}" for name in sorted(required - ours)]
    return found


def a_pass_is_told_what_started_it(stacks: Stacks) -> list[str]:
    first = stacks["ingestion"]["Resources"]["WorkerTaskDefinition"]["Properties"]["ContainerDefinitions"][0]
    found = [] if first["Name"] == trigger.CONTAINER else [f"the checker tells a container {trigger.CONTAINER}"]
    inputs = [value for path, value in walk(stacks["ingestion"]) if path.endswith("/Input")]
    callers = {json.loads(value)["trigger"] for value in inputs}
    found += [f"the checker knows no caller {caller}" for caller in callers - set(checker.TRIGGERS)]
    found += [f"nothing calls as {caller}" for caller in set(checker.TRIGGERS) - callers]
    return found


def alarms_watch_metrics_that_programs_write(stacks: Stacks) -> list[str]:
    output = io.StringIO()
    done = metrics.PassMetrics(**dict.fromkeys([field.name for field in dataclasses.fields(metrics.PassMetrics)], 1))
    metrics.publish_pass(done, metrics_format="emf", environment="tests", stream=output)
    written = json.loads(output.getvalue())["_aws"]["CloudWatchMetrics"][0]
    known = {(metrics.SERVICE, metric["Name"]) for metric in written["Metrics"]} | {(checker.SERVICE, checker.METRIC)}
    found = []
    for name, alarm in resources(stacks, "AWS::CloudWatch::Alarm"):
        properties = alarm["Properties"]
        if properties.get("Namespace", "AWS/").startswith("AWS/"):
            continue
        dimensions = {it["Name"]: it["Value"] for it in properties["Dimensions"]}
        if properties["Namespace"] != written["Namespace"] or list(dimensions) != written["Dimensions"][0]:
            found.append(f"{name} watches {properties['Namespace']} by {list(dimensions)}")
        if (dimensions["Service"], properties["MetricName"]) not in known:
            found.append(f"{name} watches {properties['MetricName']}, which nobody writes")
    return found


def stacks_fit_together(stacks: Stacks) -> list[str]:
    wiring = load_wiring()
    found = [] if sorted(wiring) == NAMES else [f"the wiring has {sorted(wiring)}"]
    used = {f"{stack}.{output}" for stack, wires in wiring.items() for output in wires["gives"]}
    order = list(wiring)
    for stack, wires in wiring.items():
        parameters = stacks[stack]["Parameters"]
        for parameter, source in wires["takes"].items():
            giver, output = source.split(".")
            used.add(source)
            if parameter not in parameters:
                found.append(f"{stack} has no parameter {parameter}")
            elif f"From {giver}.yaml, output {output}." not in parameters[parameter]["Description"]:
                found.append(f"the description of {stack}.{parameter} does not name {source}")
            if output not in stacks[giver]["Outputs"]:
                found.append(f"{giver} has no output {output}")
            if giver not in wires["after"]:
                found.append(f"{stack} takes {source} but is not made after {giver}")
        found += [
            f"{stack} stands before {giver}" for giver in wires["after"] if order.index(giver) > order.index(stack)
        ]
        open_ends = {name for name, it in parameters.items() if "Default" not in it} - set(wires["takes"])
        if open_ends != set(wires["given"]):
            found.append(f"{stack}: nobody, or two, give {sorted(open_ends ^ set(wires['given']))}")
    outputs = {f"{stack}.{output}" for stack in stacks for output in stacks[stack].get("Outputs", {})}
    found += [f"nobody takes {output}" for output in sorted(outputs - used)]
    return found + [f"there is no {output}" for output in sorted(used - outputs)]


def stacks_are_not_locked_together(stacks: Stacks) -> list[str]:
    found = [f"{name} is a nested stack" for name, _ in resources(stacks, "AWS::CloudFormation::Stack")]
    for stack, template in stacks.items():
        found += [
            f"{stack}{path} imports"
            for path, node in walk(template)
            if isinstance(node, dict) and "Fn::ImportValue" in node
        ]
        found += [
            f"{stack} exports {name}" for name, output in template.get("Outputs", {}).items() if "Export" in output
        ]
    return found


def parameters_are_described_bounded_and_grouped(stacks: Stacks) -> list[str]:
    found = []
    for stack, template in stacks.items():
        groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
        grouped = [name for group in groups for name in group["Parameters"]]
        if sorted(grouped) != sorted(template["Parameters"]):
            found.append(f"{stack} groups {sorted(set(grouped) ^ set(template['Parameters']))} not once")
        for name, parameter in template["Parameters"].items():
            if not re.match(
                r"From (the inventory|the release|the deployment|AWS|[a-z]+\.yaml)", parameter["Description"]
            ):
                found.append(f"{stack}.{name} does not say who supplies it")
            if parameter["Type"] in ("String", "Number") and not CONSTRAINTS & set(parameter):
                found.append(f"{stack}.{name} takes anything")
        found += [
            f"{stack}.{name} has no description"
            for name, it in template.get("Outputs", {}).items()
            if not it.get("Description")
        ]
    return found


def everything_is_tagged(stacks: Stacks) -> list[str]:
    found = []
    for name, resource in resources(stacks):
        properties = resource.get("Properties", {})
        place = next((key for key in ("Tags", "ResourceTags") if key in schema_properties(resource["Type"])), None)
        tags = properties.get(place, []) if place else None
        if tags is not None and not {"Project", "Environment"} <= {tag["Key"] for tag in tags}:
            found.append(f"{name} ({resource['Type']}) is not tagged")
    return found


def names_come_from_the_stack(stacks: Stacks) -> list[str]:
    found = []
    for name, resource in resources(stacks, *GIVEN_NAMES):
        given = resource["Properties"].get(GIVEN_NAMES[resource["Type"]])
        given = given.get("Name") if isinstance(given, dict) and "Name" in given else given
        if given is not None and not re.search(r"AWS::StackName|StackPrefix|ApiServiceName", str(given)):
            found.append(f"{name} is always called {given}")
    found += [
        f"{name} has a fixed name" for name, it in resources(stacks, "AWS::IAM::Role") if "RoleName" in it["Properties"]
    ]
    return found


def templates_are_small_enough(_stacks: Stacks) -> list[str]:
    sizes = {name: len(text(name).encode()) for name in NAMES}
    return [f"{name} has {size} bytes" for name, size in sizes.items() if size > MAX_BYTES]


def each_resource_has_a_comment(stacks: Stacks) -> list[str]:
    found = []
    for stack, template in stacks.items():
        lines = text(stack).splitlines()
        begin = lines.index("Resources:")
        for name in template["Resources"]:
            at = lines.index(f"  {name}:", begin)
            if not lines[at - 1].startswith("  # "):
                found.append(f"{stack}.{name} has no comment above it")
    return found
