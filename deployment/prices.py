"""The prices of AWS: one data file, and where they can be asked for."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from deployment.session import Place

TABLE = Path(__file__).with_name("prices.yml")
# The Price List API answers in a few regions only, for all of them.
_API_REGION = "us-east-1"


class PriceError(Exception):
    """A price is not known; the message says which, and what to do."""


@dataclass(frozen=True)
class Price:
    """One price in US dollars, and how the Price List API calls it (empty where that does not have it)."""

    usd: float
    service: str = ""
    usage: str = ""
    where: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Prices:
    """All prices of a region, as of a day."""

    region: str
    day: date
    table: Mapping[str, Price]

    @classmethod
    def load(cls, path: Path = TABLE) -> Prices:
        """The prices of the project's table."""
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
        table = {
            name: Price(
                float(entry["usd"]),
                entry.get("service", ""),
                entry.get("usage", ""),
                tuple(sorted(entry.get("where", {}).items())),
            )
            for name, entry in read["prices"].items()
        }
        return cls(read["region"], read["date"], table)

    def __getitem__(self, name: str) -> float:
        """A price in US dollars.

        Raises:
            PriceError: The table does not have it.
        """
        if name not in self.table:
            raise PriceError(
                f"deployment/prices.yml has no {name}. Add it there, or have it asked for with -e live_prices=true."
            )
        return self.table[name].usd

    def servers(self) -> list[str]:
        """The classes of database servers that have a price, the cheapest first."""
        names = [re.fullmatch(r"rds\.(db\..+)\.hour", name) for name in self.table]
        found = {name[1]: self.table[name[0]].usd for name in names if name}
        return sorted(found, key=lambda name: found[name])

    def with_server(self, instance_class: str) -> Prices:
        """The same, with a place for the price of a class of database servers, to be asked for."""
        name = f"rds.{instance_class}.hour"
        if name in self.table:
            return self
        where = (("databaseEngine", "PostgreSQL"), ("instanceType", instance_class))
        entry = Price(float("nan"), "AmazonRDS", f"InstanceUsage:{instance_class}", where)
        return replace(self, table={**self.table, name: entry})


def live(prices: Prices, place: Place, today: date) -> tuple[Prices, list[str]]:
    """The prices of a place's region as the Price List API has them.

    Returns:
        The prices, and the names of those that the API does not have, which stay as they were.

    Raises:
        PriceError: The price of a database server is known to neither.
    """
    client = place.client("pricing", _API_REGION)
    table, kept = {}, []
    for name, price in prices.table.items():
        found = _ask(client, place.region, price) if price.service else None
        if found is None:
            if math.isnan(price.usd):  # nothing to stay with
                raise PriceError(
                    f"AWS has no price of {name} in {place.region}: is database.InstanceClass a class of RDS for "
                    f"PostgreSQL there?"
                )
            kept.append(name)
        table[name] = price if found is None else replace(price, usd=found)
    return Prices(place.region, today, table), kept


def _ask(client: Any, region: str, price: Price) -> float | None:
    """The price that the API has for it: on demand, and of the tier that is paid from the first unit that costs."""
    wanted = {"regionCode": region, **dict(price.where)}
    filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
    pages = client.get_paginator("get_products").paginate(ServiceCode=price.service, Filters=filters)
    usage = re.compile(rf"([A-Z0-9]+-)?{re.escape(price.usage)}")
    for product in _products(pages):
        if usage.fullmatch(product["product"]["attributes"].get("usagetype", "")):
            paid = [amount for amount in _amounts(product) if amount > 0]
            if paid:
                return paid[0]
    return None


def _products(pages: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    for page in pages:
        for text in page["PriceList"]:
            yield json.loads(text)


def _amounts(product: Mapping[str, Any]) -> list[float]:
    """The prices of a product's tiers, from the first unit on.

    Source: https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html
    """
    tiers = [
        tier
        for term in product.get("terms", {}).get("OnDemand", {}).values()
        for tier in term["priceDimensions"].values()
    ]
    tiers.sort(key=lambda tier: float(tier.get("beginRange", 0)))
    return [float(tier["pricePerUnit"].get("USD", 0)) for tier in tiers]
