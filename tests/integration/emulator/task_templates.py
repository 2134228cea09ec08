"""Templates of tasks whose program is some Python in the base image."""

from __future__ import annotations

from typing import Any

IMAGE = "python:3.13-slim-trixie"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def container(program: str, **properties: Any) -> dict[str, Any]:
    """One container that runs a program and logs it."""
    return {
        "Name": "program",
        "Image": IMAGE,
        "Essential": True,
        "Command": ["python", "-u", "-c", program],
        "LogConfiguration": {
            "LogDriver": "awslogs",
            "Options": {
                "awslogs-group": {"Ref": "Group"},
                "awslogs-region": {"Ref": "AWS::Region"},
                "awslogs-stream-prefix": "run",
            },
        },
        **properties,
    }


def template(*containers: dict[str, Any], **resources: Any) -> dict[str, Any]:
    """A cluster and a task definition with a log group."""
    return {
        "Resources": {
            "Cluster": {"Type": "AWS::ECS::Cluster"},
            "Capacity": {
                "Type": "AWS::ECS::ClusterCapacityProviderAssociations",
                "Properties": {
                    "Cluster": {"Ref": "Cluster"},
                    "CapacityProviders": ["FARGATE", "FARGATE_SPOT"],
                    "DefaultCapacityProviderStrategy": [{"CapacityProvider": "FARGATE", "Weight": 1}],
                },
            },
            "Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}},
            "Role": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}},
            "Task": {
                "Type": "AWS::ECS::TaskDefinition",
                "Properties": {
                    "Family": {"Ref": "AWS::StackName"},
                    "RequiresCompatibilities": ["FARGATE"],
                    "NetworkMode": "awsvpc",
                    "Cpu": "256",
                    "Memory": "512",
                    "ExecutionRoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Volumes": [{"Name": "scratch"}],
                    "ContainerDefinitions": list(containers),
                },
            },
            **resources,
        },
        "Outputs": {
            "Cluster": {"Value": {"Ref": "Cluster"}},
            "Task": {"Value": {"Ref": "Task"}},
            "Group": {"Value": {"Ref": "Group"}},
        },
    }
