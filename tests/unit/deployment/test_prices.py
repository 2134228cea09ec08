"""AWS's prices of the day. The Price List API cannot be asked here: its answers are of the documented form."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from deployment.prices import Price, PriceError, Prices, live
from deployment.session import Place

TODAY = date(2026, 11, 23)
TASKS = Price(0.03238, "AmazonECS", "Fargate-ARM-vCPU-Hours:perCPU")
SPOT = Price(0.30)


def product(usage: str, *tiers: tuple[str, str]) -> str:
    """A product as the API has it: the usage type, and the beginning and price of each tier."""
    dimensions = {
        str(number): {"beginRange": begin, "pricePerUnit": {"USD": usd}} for number, (begin, usd) in enumerate(tiers)
    }
    offer = {
        "product": {"attributes": {"usagetype": usage}},
        "terms": {"OnDemand": {"x": {"priceDimensions": dimensions}}},
    }
    return json.dumps(offer)


class Answering(Place):
    """A place whose price list is what a test says."""

    def client(self, service: str, region: str | None = None, *, answer_s: float | None = None) -> Any:
        assert (service, region, answer_s) == ("pricing", "us-east-1", None)
        return ANSWERS["client"]


ANSWERS: dict[str, Any] = {}


def ask(prices: Prices, *answers: list[str]) -> tuple[Prices, list[str]]:
    client = boto3.client("pricing", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    ANSWERS["client"] = client
    with Stubber(client) as stub:
        for offers in answers:
            stub.add_response("get_products", {"PriceList": offers}, {"ServiceCode": ANY, "Filters": ANY})
        found = live(prices, Answering("eu-central-1"), TODAY)
        stub.assert_no_pending_responses()
    return found


def test_prices_of_the_day_take_the_place_of_the_table() -> None:
    prices = Prices("us-east-1", date(2026, 10, 15), {"task": TASKS, "spot": SPOT})
    offers = [
        product("EUC1-Fargate-vCPU-Hours:perCPU", ("0", "0.0466")),
        product("EUC1-Fargate-ARM-vCPU-Hours:perCPU", ("0", "0.0372")),
    ]
    found, kept = ask(prices, offers)
    assert (found.region, found.day, found["task"], found["spot"]) == ("eu-central-1", TODAY, 0.0372, 0.30)
    assert kept == ["spot"]


def test_the_first_tier_that_costs_counts() -> None:
    prices = Prices("us-east-1", TODAY, {"logs": Price(0.5, "AmazonCloudWatch", "DataProcessing-Bytes")})
    found, _ = ask(prices, [product("EUC1-DataProcessing-Bytes", ("100", "0.55"), ("0", "0.00"), ("5", "0.63"))])
    assert found["logs"] == 0.63


def test_what_aws_does_not_name_stays() -> None:
    prices = Prices("us-east-1", TODAY, {"task": TASKS})
    found, kept = ask(prices, [product("EUC1-Fargate-GB-Hours", ("0", "0.005"))])
    assert (found["task"], kept) == (0.03238, ["task"])


def test_a_server_without_a_price_is_asked_for() -> None:
    prices = Prices("us-east-1", TODAY, {}).with_server("db.m7g.large")
    found, _ = ask(prices, [product("EUC1-InstanceUsage:db.m7g.large", ("0", "0.178"))])
    assert found["rds.db.m7g.large.hour"] == 0.178
    assert found.with_server("db.m7g.large") is found
    with pytest.raises(PriceError, match=r"AWS has no price of rds\.db\.m7g\.large\.hour in eu-central-1"):
        ask(prices, [])


def test_the_table_is_whole() -> None:
    prices = Prices.load()
    assert prices.servers() == ["db.t4g.micro", "db.t4g.small", "db.t4g.medium"]
    assert all(price.usd > 0 for price in prices.table.values())
    # Who can be asked for is named as the API calls it; the rest stays.
    assert all(bool(price.service) == bool(price.usage) for price in prices.table.values())
