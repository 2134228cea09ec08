"""The calls of ECS about services and their deployments, and the service of a template."""

from __future__ import annotations

import time
from typing import Any

from ministack.core.responses import error_response_json, json_response
from ministack.services import ecs
from ministack.services.cloudformation import provisioners

from emulator.cloudformation import HANDLERS, Made, Properties, off_loop
from emulator.deployments import Deployment
from emulator.services import Service, services

_KIND = "AWS::ECS::Service"
# What MiniStack does about services by itself: here a thread of each service does it.
_SILENCED = (
    "_complete_service_deployment",
    "_prepare_service_images",
    "_reconcile_service_tasks",
    "_record_service_task_failure",
    "_refresh_service_state",
    "_schedule_service_deployment_completion",
    "_sync_service_targets",
)


def install() -> None:
    """Take the services over from MiniStack."""
    for name in _SILENCED:
        setattr(ecs, name, lambda *_, **__: None)
    ecs._ACTION_MAP |= {
        "CreateService": _create_service,
        "UpdateService": _update_service,
        "DeleteService": _delete_service,
        "ListServiceDeployments": _list_deployments,
        "DescribeServiceDeployments": _describe_deployments,
        "DescribeServiceRevisions": _describe_revisions,
        "StopServiceDeployment": _stop_deployment,
    }
    HANDLERS[_KIND] = {
        "create": _create,
        "update": _update,
        "delete": _delete,
        "update_with_logical_id": True,
    }
    off_loop(_KIND)


def at_least(resource_id: str, count: int) -> None:
    """A scalable target's least number of tasks: the template of a scaled service leaves its number to the scaling.

    Args:
        resource_id: `service/<cluster>/<name>`.
        count: The least number.
    """
    service = services.get(resource_id.removeprefix("service/"))
    if service and service.desired < count:
        service.resize(count)


# ---- the service of a template --------------------------------------------------------------------------------------


def _request(properties: Properties) -> dict[str, Any]:
    renamed = provisioners._pascal_to_camel
    return {
        "serviceName": properties["ServiceName"],
        "cluster": properties["Cluster"],
        "taskDefinition": properties["TaskDefinition"],
        "desiredCount": int(properties.get("DesiredCount", 1)),
        "capacityProviderStrategy": renamed(properties.get("CapacityProviderStrategy") or []),
        "networkConfiguration": renamed(properties.get("NetworkConfiguration") or {}),
        "loadBalancers": renamed(properties.get("LoadBalancers") or []),
        "deploymentConfiguration": _typed(renamed(properties.get("DeploymentConfiguration") or {})),
        "deploymentController": {"type": "ECS"},
        "healthCheckGracePeriodSeconds": int(properties.get("HealthCheckGracePeriodSeconds", 0)),
        "tags": [{"key": tag["Key"], "value": tag["Value"]} for tag in properties.get("Tags", [])],
    }


def _typed(configuration: dict[str, Any]) -> dict[str, Any]:
    """Numbers and truths as such, which a template has as text."""
    alarms = dict(configuration.get("alarms") or {})
    alarms |= {key: str(alarms[key]).lower() == "true" for key in ("enable", "rollback") if key in alarms}
    numbers = ("bakeTimeInMinutes", "maximumPercent", "minimumHealthyPercent")
    return {
        **configuration,
        **{key: int(configuration[key]) for key in numbers if key in configuration},
        **({"alarms": alarms} if alarms else {}),
    }


def _create(_name: str, properties: Properties, _stack: str) -> Made:
    answer = _create_service(_request(properties))
    if answer[0] >= 400:
        raise ValueError(answer[2].decode())
    service = services[f"{properties['Cluster']}/{properties['ServiceName']}"]
    _await(service.deployments[0])
    return _names(service)


def _update(_id: str, before: Properties, now: Properties, _stack: str, _name: str = "") -> Made:
    service = services[f"{now['Cluster']}/{now['ServiceName']}"]
    request = _request(now)
    service.record.update(
        {key: request[key] for key in ("networkConfiguration", "loadBalancers", "deploymentConfiguration")}
    )
    running = service.current.task_definition if service.current else None
    # Going back to what runs anyway, after a release that failed, is no deployment.
    if now["TaskDefinition"] != before["TaskDefinition"] and now["TaskDefinition"] != running:
        _await(service.deploy(now["TaskDefinition"]))
    return _names(service)


def _delete(_id: str, properties: Properties) -> None:
    _delete_service({"cluster": properties["Cluster"], "service": properties["ServiceName"], "force": True})


def _await(deployment: Deployment) -> None:
    """CloudFormation goes on when the deployment is done, for three hours at most."""
    until = time.monotonic() + 3 * 3600
    while not deployment.done:
        if time.monotonic() > until:
            raise ValueError("Resource timed out waiting for completion")
        time.sleep(0.2)
    if deployment.status != "SUCCESSFUL":
        raise ValueError(f"Error occurred during operation 'ECS Deployment': {deployment.status}: {deployment.reason}")


def _names(service: Service) -> Made:
    return service.record["serviceArn"], {"ServiceArn": service.record["serviceArn"], "Name": service.name}


# ---- the calls ------------------------------------------------------------------------------------------------------


def _found(data: dict[str, Any]) -> Service | None:
    reference = str(data.get("service", "")).split("/")
    cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
    return services.get(f"{cluster}/{reference[-1]}")


def _missing() -> Any:
    return error_response_json("ServiceNotFoundException", "Service not found.", 400)


def _create_service(data: dict[str, Any]) -> Any:
    answer = _original_create(data)
    if answer[0] < 400:
        cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
        key = f"{cluster}/{data['serviceName']}"
        service = services[key] = Service(ecs._services[key])
        service.deploy(service.record["taskDefinition"])
        service.start()
    return answer


_original_create = ecs._create_service


def _update_service(data: dict[str, Any]) -> Any:
    service = _found(data)
    if service is None:
        return _missing()
    if data.get("desiredCount") is not None:
        service.resize(int(data["desiredCount"]))
    definition = data.get("taskDefinition")
    if definition or data.get("forceNewDeployment"):
        key = ecs._resolve_td_key(definition or service.record["taskDefinition"])
        service.deploy(ecs._task_defs[key]["taskDefinitionArn"])
    return json_response({"service": ecs._sanitize(service.record)})


def _delete_service(data: dict[str, Any]) -> Any:
    service = _found(data)
    if service is None:
        return _missing()
    if service.desired > 0 and not data.get("force"):
        text = "The service cannot be stopped while it is scaled above 0."
        return error_response_json("InvalidParameterException", text, 400)
    service.delete()
    service.record.update(status="INACTIVE", desiredCount=0, runningCount=0, pendingCount=0)
    del services[f"{service.cluster}/{service.name}"]
    return json_response({"service": ecs._sanitize(service.record)})


def _list_deployments(data: dict[str, Any]) -> Any:
    service = _found(data)
    if service is None:
        return _missing()
    statuses = set(data.get("status") or [])
    found = [entry for entry in service.deployments if not statuses or entry.status in statuses]
    fields = ("serviceDeploymentArn", "serviceArn", "clusterArn", "createdAt", "startedAt", "finishedAt", "status")
    briefs = []
    for entry in found:
        described = entry.described(service.record, service.counts)
        brief = {key: described[key] for key in (*fields, "statusReason") if key in described}
        briefs.append({**brief, "targetServiceRevisionArn": entry.target.arn})
    return json_response({"serviceDeployments": briefs})


def _describe_deployments(data: dict[str, Any]) -> Any:
    wanted = data.get("serviceDeploymentArns") or []
    found = {
        entry.arn: entry.described(service.record, service.counts)
        for service in list(services.values())
        for entry in service.deployments
    }
    failures = [{"arn": arn, "reason": "MISSING"} for arn in wanted if arn not in found]
    return json_response({"serviceDeployments": [found[arn] for arn in wanted if arn in found], "failures": failures})


def _describe_revisions(data: dict[str, Any]) -> Any:
    wanted = set(data.get("serviceRevisionArns") or [])
    found = [
        {
            "serviceRevisionArn": revision.arn,
            "serviceArn": service.record["serviceArn"],
            "clusterArn": service.record["clusterArn"],
            "taskDefinition": revision.task_definition,
            "resolvedConfiguration": {
                "loadBalancers": [{"targetGroupArn": revision.target_group}] if revision.target_group else []
            },
        }
        for service in list(services.values())
        for entry in service.deployments
        for revision in (entry.target,)
        if revision.arn in wanted
    ]
    return json_response({"serviceRevisions": found, "failures": []})


def _stop_deployment(data: dict[str, Any]) -> Any:
    arn = data.get("serviceDeploymentArn")
    for service in list(services.values()):
        for entry in service.deployments:
            if entry.arn == arn:
                if entry.done:
                    text = "The service deployment is already in a terminal state."
                    return error_response_json("ConflictException", text, 400)
                entry.stop_asked = "Service deployment stopped by the user."
                return json_response({"serviceDeploymentArn": arn})
    return error_response_json("ServiceDeploymentNotFoundException", "Service deployment not found.", 400)
