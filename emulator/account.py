"""What an account and a region offer: answers that a deployment asks for beforehand, and MiniStack does not have."""

from __future__ import annotations

from typing import Any

from ministack.services import rds, ssm
from ministack.services.cloudformation import engine

_FAMILIES = {
    "t4g": ("micro", "small", "medium", "large"),
    "m7g": ("large", "xlarge", "2xlarge"),
    "r7g": ("large", "xlarge", "2xlarge"),
}
INSTANCE_CLASSES = tuple(f"db.{family}.{size}" for family, sizes in _FAMILIES.items() for size in sizes)
"""Instance classes of RDS for PostgreSQL that the rehearsal knows; any other one is refused."""

_IMAGES = "/aws/service/ami-amazon-linux-latest/"


def install() -> None:
    """Answer with Graviton's instance classes, and with an image for a NAT instance."""
    rds._ACTION_MAP["DescribeOrderableDBInstanceOptions"] = _orderable
    _resolve = ssm.resolve_parameter_value
    ssm.resolve_parameter_value = lambda name: "ami-0123456789abcdef0" if name.startswith(_IMAGES) else _resolve(name)
    _check = engine._check_parameter_constraints

    def check(name: str, declared: dict[str, Any], kind: str, value: str) -> None:
        # A pattern is meant for the name that is given; MiniStack holds it against what the name stands for.
        if not kind.startswith("AWS::SSM::Parameter::Value<"):
            _check(name, declared, kind, value)

    engine._check_parameter_constraints = check


def _orderable(parameters: dict[str, Any]) -> Any:
    wanted = rds._p(parameters, "DBInstanceClass")
    options = "".join(
        f"<OrderableDBInstanceOption><Engine>postgres</Engine><DBInstanceClass>{name}</DBInstanceClass>"
        f"<MultiAZCapable>true</MultiAZCapable></OrderableDBInstanceOption>"
        for name in INSTANCE_CLASSES
        if not wanted or name == wanted
    )
    return rds._xml(
        200,
        "DescribeOrderableDBInstanceOptionsResponse",
        f"<DescribeOrderableDBInstanceOptionsResult><OrderableDBInstanceOptions>{options}</OrderableDBInstanceOptions>"
        f"</DescribeOrderableDBInstanceOptionsResult>",
    )
