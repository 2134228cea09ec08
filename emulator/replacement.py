"""Which properties a resource cannot change without being made anew: of the types that MiniStack says nothing of.

As `createOnlyProperties` has it in the schema of each type; tests/unit/test_emulator_tables.py compares them. Only what
the templates use must be here.
"""

from __future__ import annotations

# fmt: off
REPLACING: dict[str, tuple[str, ...]] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": ("ResourceId", "ScalableDimension", "ServiceNamespace"),
    "AWS::ApplicationAutoScaling::ScalingPolicy": ("PolicyName", "ScalingTargetId"),
    "AWS::Budgets::Budget": ("Budget", "NotificationsWithSubscribers"),
    "AWS::CloudFront::CachePolicy": (),
    "AWS::CloudFront::Distribution": (),
    "AWS::CloudFront::OriginRequestPolicy": (),
    "AWS::CloudFront::ResponseHeadersPolicy": (),
    "AWS::CloudFront::VpcOrigin": (),
    "AWS::CloudWatch::Alarm": (),
    "AWS::CloudWatch::Dashboard": ("DashboardName",),
    "AWS::CodeBuild::Project": (),
    "AWS::CodeConnections::Connection": ("ConnectionName", "ProviderType"),
    "AWS::CodePipeline::Pipeline": ("Name",),
    "AWS::EC2::EIP": (),
    "AWS::EC2::FlowLog": (
        "DeliverLogsPermissionArn", "LogDestinationType", "LogGroupName", "MaxAggregationInterval", "ResourceId",
        "ResourceType", "TrafficType",
    ),
    "AWS::EC2::Instance": ("ImageId", "LaunchTemplate", "NetworkInterfaces"),
    "AWS::EC2::InternetGateway": (),
    "AWS::EC2::LaunchTemplate": (),
    "AWS::EC2::NatGateway": ("AllocationId", "SubnetId"),
    "AWS::EC2::Route": ("DestinationCidrBlock", "RouteTableId"),
    "AWS::EC2::RouteTable": ("VpcId",),
    "AWS::EC2::SecurityGroup": ("GroupDescription", "VpcId"),
    "AWS::EC2::SecurityGroupEgress": ("DestinationSecurityGroupId", "FromPort", "GroupId", "IpProtocol", "ToPort"),
    "AWS::EC2::Subnet": ("AvailabilityZone", "CidrBlock", "VpcId"),
    "AWS::EC2::SubnetRouteTableAssociation": ("RouteTableId", "SubnetId"),
    "AWS::EC2::VPC": ("CidrBlock",),
    "AWS::EC2::VPCEndpoint": ("ServiceName", "VpcEndpointType", "VpcId"),
    "AWS::EC2::VPCGatewayAttachment": ("VpcId",),
    "AWS::ECS::Cluster": (),
    "AWS::ECS::ClusterCapacityProviderAssociations": ("Cluster",),
    "AWS::ECS::Service": ("Cluster", "ServiceName"),
    "AWS::ECS::TaskDefinition": (
        "ContainerDefinitions", "Cpu", "ExecutionRoleArn", "Family", "Memory", "NetworkMode",
        "RequiresCompatibilities", "RuntimePlatform", "TaskRoleArn", "Volumes",
    ),
    "AWS::ElasticLoadBalancingV2::Listener": ("LoadBalancerArn",),
    "AWS::ElasticLoadBalancingV2::ListenerRule": ("ListenerArn",),
    "AWS::Events::Rule": (),
    "AWS::Lambda::EventInvokeConfig": ("FunctionName", "Qualifier"),
    "AWS::Lambda::Permission": ("Action", "FunctionName", "Principal", "SourceAccount", "SourceArn"),
    "AWS::Logs::Delivery": ("DeliveryDestinationArn", "DeliverySourceName"),
    "AWS::Logs::DeliveryDestination": ("DestinationResourceArn", "Name", "OutputFormat"),
    "AWS::Logs::DeliverySource": ("Name",),
    "AWS::Logs::LogGroup": ("LogGroupName",),
    "AWS::Route53::RecordSet": ("HostedZoneId",),
    "AWS::S3::Bucket": ("BucketName",),
    "AWS::S3::BucketPolicy": ("Bucket",),
    "AWS::SNS::Subscription": ("Endpoint", "Protocol", "TopicArn"),
    "AWS::SNS::TopicPolicy": (),
    "AWS::SQS::QueuePolicy": (),
    "AWS::Scheduler::Schedule": (),
    "AWS::SecretsManager::RotationSchedule": ("SecretId",),
    "AWS::SecretsManager::Secret": (),
    "AWS::WAFv2::LoggingConfiguration": ("ResourceArn",),
    "AWS::XRay::Group": (),
}
