"""The bill against a calculation by hand, service by service, from the price table of October 2026."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
import yaml

from deployment import cost
from deployment.bill import bill, cheaper, comparison
from deployment.cost import Estimate, Usage, UsageError
from deployment.prices import PriceError, Prices
from deployment.savings import savings
from deployment.templates import Kit
from tests.conftest import PROJECT

KIT, PRICES = Kit.load(PROJECT / "cloudformation"), Prices.load()


def chosen(inventory: str) -> dict[str, dict[str, object]]:
    """What an inventory of the project chooses."""
    read = yaml.safe_load((PROJECT / f"inventory/{inventory}/group_vars/all/main.yml").read_text(encoding="utf-8"))
    found: dict[str, dict[str, object]] = read["stack_parameters"]
    return found


def of(parameters: Mapping[str, Mapping[str, object]], *, pipeline: bool = False, **usage: float) -> Estimate:
    given = cost.parameters(KIT, parameters)
    return cost.estimate(KIT, given, PRICES, replace(Usage(), **usage), pipeline=pipeline)


# Each by hand, 730 hours a month, from the prices in the right column of AWS's pages:
PRODUCTION = {
    # Two tasks of half a vCPU and a gigabyte: 730 vCPU-hours x .03238 + 1460 GB-hours x .00356 = 23.6374 + 5.1976.
    # The worker, ten minutes a day on Spot, about .3 of that price: 5.069 h x (.5 x .009714 + 1 x .001068) = .0300.
    "Fargate": 28.8650,
    # 2 x 730 x .032 = 46.72; 50 GB in two zones: 100 x .115 = 11.50.
    "RDS": 58.22,
    # 730 x .0225 = 16.425; 700,000 answers of 20 kB are 14 GB, which is more than their connections: 14 x .008 = .112.
    "Load balancer": 16.537,
    # One gateway: 730 x .045 = 32.85; 10 GB through it: .45; its address: 730 x .005 = 3.65.
    "Network": 36.95,
    # 5 for the firewall, 1 for each of four rules, .60 for a million requests.
    "Firewall": 9.60,
    # 5 GB x .023 = .115; 5 thousand files x (.005 + .0004 + .0025) = .0395.
    "S3": 0.1545,
    # 30 releases x 2 images x .1 GB x .10.
    "ECR": 0.60,
    # Three passwords x .40.
    "Secrets Manager": 1.20,
    # 5 GB of logs x (.50 + .03) = 2.65; 19 alarms x .10; a dashboard: 3; 12 metrics x .30 = 3.60.
    "CloudWatch": 11.15,
}
STAGING = {
    # One task of a quarter vCPU and half a gigabyte on Spot: 730 x (.25 x .009714 + .5 x .001068) = 2.1626; the worker
    # 5.069 h x the same = .0150.
    "Fargate": 2.1776,
    # 730 x .016 = 11.68; 20 x .115 = 2.30.
    "RDS": 13.98,
    "Load balancer": 16.537,
    # A t4g.nano: 730 x .0042 = 3.066; 8 GB of disk x .08 = .64; its address 3.65.
    "Network": 7.356,
    "S3": 0.1545,
    "ECR": 0.20,
    "Secrets Manager": 1.20,
    "CloudWatch": 11.15,
}


@pytest.mark.parametrize(("inventory", "by_hand"), [("production", PRODUCTION), ("staging", STAGING)])
def test_the_bill_is_what_a_calculation_by_hand_says(inventory: str, by_hand: dict[str, float]) -> None:
    found = of(chosen(inventory))
    assert found.services == pytest.approx(by_hand, abs=0.0001)
    assert found.total == pytest.approx(sum(by_hand.values()), abs=0.001)


def test_the_inventories_cost_what_the_project_promises() -> None:
    assert 100 <= of(chosen("production"), pipeline=True).total <= 300
    assert 40 <= of(chosen("staging")).total <= 60


@pytest.mark.parametrize(
    ("parameters", "service", "by_hand"),
    [
        # Four tasks: the first two on demand, one of the others, one on Spot: 730 x (.5 x .03238 + .00356) = 14.4175.
        ({"api": {"Capacity": "mixed", "MinTasks": 4}}, "Fargate", 14.4175 * 3.3 + 0.0300),
        # Seven hours of night with one task instead of two.
        ({"api": {"NightMinTasks": 1}}, "Fargate", 28.8350 - 14.4175 * 7 / 24 + 0.0300),
        # x86: 730 x .04048 + 1460 x .004445 = 36.0401.
        ({"api": {"CpuArchitecture": "X86_64"}}, "Fargate", 36.0401 + 0.0300),
        # One zone, 20 GB and a replica of the same: 2 x (23.36 + 2.30).
        ({"database": {"MultiZone": "no", "ReadReplica": "yes"}}, "RDS", 51.32),
        # Three gateways with an address each, and 10 GB.
        ({"network": {"NatMode": "per-zone", "ZoneCount": 3}}, "Network", 3 * 36.50 + 0.45),
        # Five services in two zones.
        ({"network": {"NatMode": "none", "InterfaceEndpoints": "yes"}}, "Network", 73.00),
        ({"edge": {"DomainName": "api.example.org"}}, "CloudFront", 0.50),
    ],
)
def test_each_choice_has_its_price(parameters: dict[str, dict[str, object]], service: str, by_hand: float) -> None:
    assert of(parameters).services[service] == pytest.approx(by_hand, abs=0.001)


def test_much_use_costs_beyond_what_is_free() -> None:
    # 100 million requests of 20 kB: 2000 GB, of which 1024 are free; 90 million requests beyond ten.
    used = of({"api": {"Tracing": "yes"}}, requests=100e6)
    assert used.services["CloudFront"] == pytest.approx(976 * 0.085 + 9000 * 0.01)
    # 70 million reach the API, one in twenty is traced, and 5,000 files: beyond 100 thousand at 5 dollars a million.
    assert used.services["X-Ray"] == pytest.approx((70e6 * 0.05 + 250 - 100_000) / 1e6 * 5)
    # Four releases: 100 minutes of tests at .01, 60 at .005, 160 of actions at .002.
    released = of({}, pipeline=True).services
    assert (released["CodeBuild"], released["CodePipeline"]) == pytest.approx((1.30, 0.32))


def test_what_would_be_cheaper_is_what_it_says() -> None:
    given = cost.parameters(KIT, chosen("production"))

    def total(parameters: cost.Parameters) -> Estimate:
        return cost.estimate(KIT, parameters, PRICES, Usage(), pipeline=False)

    found = {(saving.variable, saving.value): saving.usd for saving in savings(given, PRICES, total)}
    assert found["stack_parameters.network.NatMode", "instance"] == pytest.approx(36.95 - 7.356)
    assert found["stack_parameters.database.InstanceClass", "db.t4g.micro"] == pytest.approx(23.36)
    assert ("stack_parameters.network.NatMode", "one") not in found  # it has one
    assert list(found.values()) == sorted(found.values(), reverse=True)
    smallest = cost.parameters(KIT, chosen("staging"))
    assert savings(smallest, PRICES, total) == []
    assert cheaper([], colour=False) == ""


def test_what_has_no_price_is_named() -> None:
    with pytest.raises(PriceError, match=r"has no rds\.db\.m7g\.large\.hour.*live_prices=true"):
        of({"database": {"InstanceClass": "db.m7g.large"}})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"request": 5}, "cost_usage.request: there is no such assumption; there are requests, cached_share"),
        ({"requests": "many"}, "cost_usage.requests is 'many': it must be a number of at least 0"),
        ({"requests": -1}, "cost_usage.requests is -1: it must be a number of at least 0"),
        ({"requests": True}, "cost_usage.requests is True: it must be a number of at least 0"),
    ],
)
def test_an_assumption_that_is_none_is_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        Usage.of(given)
    assert said in str(refused.value)


def test_a_night_goes_over_midnight() -> None:
    assert cost.night_hours("cron(0 22 * * ? *)", "cron(30 5 * * ? *)") == 7.5
    assert cost.night_hours("cron(0 1 * * ? *)", "cron(0 5 * * ? *)") == 4
    assert cost.night_hours("cron(0 22 ? * MON-FRI *)", "cron(0 5 * * ? *)") == 0


def test_the_tables_have_the_figures() -> None:
    production, staging = of(chosen("production")), of(chosen("staging"))
    text = bill("production", production, colour=False)
    assert "db.t4g.small in two zones" in text
    assert f"{production.total:,.2f}" in text
    both = comparison({"production": production, "staging": staging}, colour=False)
    assert f"{staging.total - production.total:+,.2f}" in both
    assert "Firewall" in both
    assert "\x1b[" not in text + both
