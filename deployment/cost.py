"""What a deployment costs in a month, from its parameters alone: nothing is asked of AWS."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from deployment.parameters import completed
from deployment.prices import Prices
from deployment.templates import Kit

HOURS = 730
"""Of a month, as AWS's own calculator has it."""
DAYS = HOURS / 24

# Fixed by the templates: the NAT instance's disk, and the services that have an address with `InterfaceEndpoints`.
_NAT_DISK_GB = 8
_ENDPOINTS = 5
# Of CloudFront, a month.
_FREE_GB, _FREE_REQUESTS = 1024, 10_000_000
# Of Lambda, a month.
_FREE_CALLS, _FREE_GB_SECONDS = 1_000_000, 400_000
_FREE_TRACES = 100_000
# What a pass and the checker write as metrics of their own.
_OWN_METRICS = 12


class UsageError(Exception):
    """An assumption is none, or not a number; the message names it."""


@dataclass(frozen=True)
class Usage:
    """What is assumed of a month, besides the parameters: `cost_usage` of the inventory has others."""

    requests: float = 1_000_000
    """Requests of callers."""
    cached_share: float = 0.3
    """The part of them that CloudFront answers by itself."""
    answer_kb: float = 20
    """Kilobytes of an answer, compressed."""
    weather_gb: float = 5
    """Gigabytes of weather files in the bucket."""
    new_files: float = 5_000
    """Files that are put into the bucket."""
    worker_minutes_a_day: float = 10
    """How long the daily pass takes."""
    log_gb: float = 5
    """Gigabytes of logs."""
    nat_gb: float = 10
    """Gigabytes that leave or enter the private subnets by their way out: images, logs, AWS's services."""
    releases: float = 4
    """Releases that the pipeline makes, of 25 minutes of tests and 15 of everything else."""
    image_gb: float = 0.1
    """Gigabytes that a release adds to each image repository; layers that were there are not stored again."""

    @classmethod
    def of(cls, given: Mapping[str, object]) -> Usage:
        """The assumptions with other values for some.

        Raises:
            UsageError: One does not exist, or is not a number of at least 0.
        """
        names = [field.name for field in fields(cls)]
        for name, value in given.items():
            if name not in names:
                raise UsageError(f"cost_usage.{name}: there is no such assumption; there are {', '.join(names)}")
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise UsageError(f"cost_usage.{name} is {value!r}: it must be a number of at least 0")
        return cls(**{name: float(value) for name, value in given.items()})  # type: ignore[arg-type]  # checked above


@dataclass(frozen=True)
class Line:
    """One line of the bill."""

    service: str
    what: str
    quantity: float
    unit: str
    price: float
    """US dollars for one unit."""

    @property
    def total(self) -> float:
        """US dollars a month."""
        return self.quantity * self.price


@dataclass(frozen=True)
class Estimate:
    """A month's bill."""

    lines: tuple[Line, ...]

    @property
    def total(self) -> float:
        """US dollars a month."""
        return sum(line.total for line in self.lines)

    @property
    def services(self) -> dict[str, float]:
        """US dollars a month by service, in the order of the bill."""
        sums: dict[str, float] = {}
        for line in self.lines:
            sums[line.service] = sums.get(line.service, 0) + line.total
        return sums


Parameters = Mapping[str, Mapping[str, str]]
"""By stack: all of its parameters, those that are not chosen with their defaults."""


def parameters(kit: Kit, chosen: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, str]]:
    """The parameters of all stacks as a deployment would have them."""
    return {name: completed(template, chosen.get(name) or {}) for name, template in kit.templates.items()}


def estimate(kit: Kit, given: Parameters, prices: Prices, usage: Usage, *, pipeline: bool) -> Estimate:
    """What a month costs.

    Args:
        kit: The templates: they say how many secrets, alarms and rules there are.
        given: See `parameters`.
        prices: What each unit costs.
        usage: What is assumed of the month.
        pipeline: Whether the stack `pipeline` is there.

    Raises:
        PriceError: The price of a chosen thing is not known.
    """
    bill = _Bill(kit, given, prices, usage)
    parts = [bill.api(), bill.worker(), bill.database(), bill.load_balancer(), bill.network(), bill.edge()]
    parts += [bill.storage(), bill.secrets(), bill.monitoring(), bill.functions()]
    if pipeline:
        parts.append(bill.pipeline())
    return Estimate(tuple(line for part in parts for line in part if line.quantity > 0))


def night_hours(start: str, end: str) -> float:
    """Hours of a day between two daily schedules; 0 where one of them is not daily."""
    daily = [re.fullmatch(r"cron\((\d{1,2}) (\d{1,2}) \* \* \? \*\)", text) for text in (start, end)]
    if not daily[0] or not daily[1]:
        return 0
    begin, finish = (int(found[2]) + int(found[1]) / 60 for found in daily if found)
    return (finish - begin) % 24


@dataclass(frozen=True)
class _Bill:
    """The lines of each service. What is free for good is taken off where it decides: CloudFront, Lambda, X-Ray."""

    kit: Kit
    given: Parameters
    prices: Prices
    usage: Usage

    def line(self, service: str, what: str, quantity: float, unit: str, price: str, share: float = 1) -> Line:
        return Line(service, what, quantity, unit, self.prices[price] * share)

    def count(self, kind: str) -> int:
        """How many resources of a kind the templates have, those of conditions included."""
        return sum(kind == each for template in self.kit.templates.values() for each in template.resources.values())

    def task(self, service: str, who: str, stack: str, hours: float, *, spot: bool) -> Iterator[Line]:
        """Tasks that run for so many hours together."""
        given = self.given[stack]
        arm = given["CpuArchitecture"] == "ARM64"
        kind, share = ("arm" if arm else "x86"), (self.prices["fargate.spot_share"] if spot else 1)
        name = f"{who}{', Spot' if spot else ''}, {'ARM' if arm else 'x86'}"
        processors, memory = int(given["Cpu"]) / 1024, int(given["Memory"]) / 1024
        yield self.line(
            service, f"{name}: processors", hours * processors, "vCPU-hour", f"fargate.{kind}.vcpu_hour", share
        )
        yield self.line(service, f"{name}: memory", hours * memory, "GB-hour", f"fargate.{kind}.gb_hour", share)

    def api(self) -> Iterator[Line]:
        given = self.given["api"]
        day, night = int(given["MinTasks"]), int(given["NightMinTasks"])
        hours_of_night = night_hours(given["NightStart"], given["NightEnd"]) * DAYS if night else 0
        on_demand = spot = 0.0
        for tasks, hours in ((day, HOURS - hours_of_night), (night, hours_of_night)):
            # `mixed`: the first two on demand, half of the others.
            fixed = {"on-demand": tasks, "spot": 0, "mixed": min(tasks, 2) + max(tasks - 2, 0) / 2}[given["Capacity"]]
            on_demand += fixed * hours
            spot += (tasks - fixed) * hours
        yield from self.task("Fargate", "API", "api", on_demand, spot=False)
        yield from self.task("Fargate", "API", "api", spot, spot=True)

    def worker(self) -> Iterator[Line]:
        hours = self.usage.worker_minutes_a_day * DAYS / 60
        spot = self.given["ingestion"]["Capacity"] == "spot"
        yield from self.task("Fargate", "worker", "ingestion", hours, spot=spot)

    def database(self) -> Iterator[Line]:
        given = self.given["database"]
        zones = 2 if given["MultiZone"] == "yes" else 1
        storage = float(given["AllocatedStorage"])
        size = given["InstanceClass"]
        named = f"{size}{' in two zones' if zones == 2 else ''}"
        yield self.line("RDS", named, zones * HOURS, "hour", f"rds.{size}.hour")
        yield self.line("RDS", "its storage", zones * storage, "GB-month", "rds.storage.gb_month")
        if given["ReadReplica"] == "yes":
            replica = given["ReplicaInstanceClass"]
            yield self.line("RDS", f"replica, {replica}", HOURS, "hour", f"rds.{replica}.hour")
            yield self.line("RDS", "the replica's storage", storage, "GB-month", "rds.storage.gb_month")

    def load_balancer(self) -> Iterator[Line]:
        yield self.line("Load balancer", "the hours", HOURS, "hour", "alb.hour")
        # A unit is 25 new connections a second or a gigabyte an hour, whichever is more.
        requests = self.usage.requests * (1 - self.usage.cached_share)
        units = max(requests / (HOURS * 3600) / 25, requests * self.usage.answer_kb / 1e6 / HOURS)
        yield self.line("Load balancer", "its use", units * HOURS, "LCU-hour", "alb.lcu_hour")

    def network(self) -> Iterator[Line]:
        given = self.given["network"]
        mode, zones = given["NatMode"], int(given["ZoneCount"])
        gateways = {"none": 0, "instance": 0, "one": 1, "per-zone": zones}[mode]
        yield self.line("Network", "NAT gateways", gateways * HOURS, "hour", "nat.hour")
        yield self.line("Network", "through them", self.usage.nat_gb if gateways else 0, "GB", "nat.gb")
        if mode == "instance":
            size = given["NatInstanceType"]
            yield self.line("Network", f"NAT instance, {size}", HOURS, "hour", f"nat_instance.{size}.hour")
            yield self.line("Network", "its disk", _NAT_DISK_GB, "GB-month", "ebs.gp3.gb_month")
        addresses = gateways + (mode == "instance")
        yield self.line("Network", "public addresses", addresses * HOURS, "hour", "ipv4.hour")
        endpoints = _ENDPOINTS * zones if given["InterfaceEndpoints"] == "yes" else 0
        yield self.line("Network", "interface endpoints", endpoints * HOURS, "hour", "endpoint.hour")

    def edge(self) -> Iterator[Line]:
        given, usage = self.given["edge"], self.usage
        sent = max(usage.requests * usage.answer_kb / 1e6 - _FREE_GB, 0)
        yield self.line("CloudFront", "sent beyond what is free", sent, "GB", "cloudfront.gb")
        requests = max(usage.requests - _FREE_REQUESTS, 0) / 10_000
        yield self.line("CloudFront", "requests beyond what is free", requests, "10,000", "cloudfront.10k_requests")
        if given["DomainName"]:
            yield self.line("CloudFront", "the zone of the name", 1, "zone", "route53.zone_month")
        if given["Firewall"] == "yes":
            rules = len(self.kit.templates["edge"].parsed["Resources"]["WebAcl"]["Properties"]["Rules"])
            yield self.line("Firewall", "the firewall", 1, "ACL", "waf.acl_month")
            yield self.line("Firewall", "its rules", rules, "rule", "waf.rule_month")
            yield self.line("Firewall", "requests", usage.requests / 1e6, "million", "waf.million_requests")

    def storage(self) -> Iterator[Line]:
        usage = self.usage
        yield self.line("S3", "weather files", usage.weather_gb, "GB-month", "s3.gb_month")
        yield self.line("S3", "files put there", usage.new_files / 1000, "1,000", "s3.1k_puts")
        yield self.line("S3", "files read", usage.new_files / 1000, "1,000", "s3.1k_gets")
        yield self.line("S3", "files watched for tiering", usage.new_files / 1000, "1,000", "s3.1k_tiered")
        images = 2 * float(self.given["registry"]["KeptImages"]) * usage.image_gb
        yield self.line("ECR", "images that are kept", images, "GB-month", "ecr.gb_month")

    def secrets(self) -> Iterator[Line]:
        secrets = self.count("AWS::SecretsManager::Secret")
        yield self.line("Secrets Manager", "passwords", secrets, "secret", "secret.month")

    def monitoring(self) -> Iterator[Line]:
        usage = self.usage
        yield self.line("CloudWatch", "logs written", usage.log_gb, "GB", "logs.gb")
        yield self.line("CloudWatch", "logs kept", usage.log_gb, "GB-month", "logs.gb_month")
        alarms = self.count("AWS::CloudWatch::Alarm")
        yield self.line("CloudWatch", "alarms", alarms, "alarm", "cloudwatch.alarm_month")
        yield self.line("CloudWatch", "dashboard", 1, "dashboard", "cloudwatch.dashboard_month")
        yield self.line("CloudWatch", "metrics of the passes", _OWN_METRICS, "metric", "cloudwatch.metric_month")
        if self.given["api"]["Tracing"] == "yes":
            traces = usage.requests * (1 - usage.cached_share) * float(self.given["api"]["TracedShare"])
            traces += usage.new_files * float(self.given["ingestion"]["TracedShare"])
            beyond = max(traces - _FREE_TRACES, 0) / 1e6
            yield self.line("X-Ray", "traces beyond what is free", beyond, "million", "xray.million_traces")

    def functions(self) -> Iterator[Line]:
        calls = 3 * DAYS  # the schedule, and what a release and an interruption add
        beyond = max(calls - _FREE_CALLS, 0) / 1e6
        yield self.line("Lambda", "calls beyond what is free", beyond, "million", "lambda.million_calls")
        used = max(calls * 30 * 0.25 - _FREE_GB_SECONDS, 0)
        yield self.line("Lambda", "memory beyond what is free", used, "GB-second", "lambda.arm.gb_second")

    def pipeline(self) -> Iterator[Line]:
        size = self.given["pipeline"]["CheckSize"].removeprefix("BUILD_GENERAL1_").lower()
        releases = self.usage.releases
        yield self.line("CodeBuild", "lint and tests", releases * 25, "minute", f"codebuild.{size}.minute")
        yield self.line("CodeBuild", "images and release", releases * 15, "minute", "codebuild.small.minute")
        yield self.line("CodePipeline", "actions", releases * 40, "minute", "codepipeline.action_minute")
