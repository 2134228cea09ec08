"""Action plugin: what a month of a deployment costs, shown as a table."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# Ansible loads a plugin by its path alone: the project's packages have to be found too.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from botocore.exceptions import BotoCoreError, ClientError

from deployment import bill, cost
from deployment.cost import Estimate, Usage, UsageError
from deployment.parameters import problems
from deployment.prices import PriceError, Prices, live
from deployment.savings import savings
from deployment.session import Place, explain
from deployment.templates import Kit

DOCUMENTATION = """
name: monthly_cost
short_description: what a month of a deployment costs, shown as a table
description:
  - Works from the inventory alone. Only with I(live_prices) is AWS asked, for its prices.
  - With I(compared), a second inventory's parameters, both are shown side by side.
"""


class ActionModule(ActionBase):
    """The plugin: Ansible finds it by this name."""

    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Work out the bill, show it and return it."""
        super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            argument_spec={
                "aws": {"type": "dict", "required": True},
                "templates": {"type": "path", "required": True},
                "environment": {"type": "str", "required": True},
                "parameters": {"type": "dict", "required": True},
                "pipeline": {"type": "bool", "required": True},
                "usage": {"type": "dict", "default": {}},
                "live_prices": {"type": "bool", "default": False},
                "compared": {"type": "dict", "default": {}},
                "compared_pipeline": {"type": "bool", "default": False},
                "compared_name": {"type": "str", "default": ""},
            }
        )
        try:
            return self._run(args)
        except (PriceError, UsageError) as error:
            raise AnsibleActionFail(str(error)) from error
        except (BotoCoreError, ClientError) as error:
            raise AnsibleActionFail(explain(error)) from error

    def _run(self, args: dict[str, Any]) -> dict[str, Any]:
        kit, usage, name = Kit.load(Path(args["templates"])), Usage.of(args["usage"]), args["environment"]
        given = _parameters(kit, args["parameters"])
        place = Place(**args["aws"])
        prices, kept = Prices.load(), []
        if args["live_prices"]:
            for size in {given["database"]["InstanceClass"], given["database"]["ReplicaInstanceClass"]}:
                prices = prices.with_server(size)
            prices, kept = live(prices, place, datetime.now(UTC).date())

        def estimated(parameters: cost.Parameters, *, pipeline: bool = args["pipeline"]) -> Estimate:
            return cost.estimate(kit, parameters, prices, usage, pipeline=pipeline)

        colour = bool(constants.ANSIBLE_FORCE_COLOR) or sys.stdout.isatty()
        this, say = estimated(given), Display().display
        result = {
            "changed": False,
            "total": round(this.total, 2),
            "services": {service: round(total, 2) for service, total in this.services.items()},
            "date": str(prices.day),
            "prices_region": prices.region,
            "prices_kept": kept,
            "usage": asdict(usage),
        }
        if args["compared_name"]:
            other = estimated(_parameters(kit, args["compared"]), pipeline=args["compared_pipeline"])
            say(bill.comparison({name: this, args["compared_name"]: other}, colour=colour))
            return {**result, "compared_total": round(other.total, 2)}
        say(bill.bill(name, this, colour=colour))
        say(bill.cheaper(savings(given, prices, estimated), colour=colour))
        return result


def _parameters(kit: Kit, chosen: Mapping[str, Mapping[str, object]]) -> cost.Parameters:
    wrong = problems(kit, chosen)
    if wrong:
        raise AnsibleActionFail("The inventory has what cannot be:\n" + "\n".join(f"  {line}" for line in wrong))
    return cost.parameters(kit, chosen)
