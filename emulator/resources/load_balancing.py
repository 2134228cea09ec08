"""The names of target groups, as alarms and scaling policies are given them, and the weights of rules."""

from __future__ import annotations

import copy

from ministack.services import alb

from emulator.cloudformation import HANDLERS, Create, Made, Properties, Update, repair

_KIND = "AWS::ElasticLoadBalancingV2::TargetGroup"


def install() -> None:
    """Repair the type."""
    repair(_KIND, _with_full_name)
    HANDLERS[_KIND]["update"] = _updated_with_full_name(HANDLERS[_KIND]["update"])
    repair("AWS::ElasticLoadBalancingV2::ListenerRule", _with_weights)


def _full_name(made: Made) -> Made:
    """`targetgroup/<name>/<id>`, the end of its ARN, where MiniStack leaves out the first word."""
    return made[0], {**made[1], "TargetGroupFullName": "targetgroup/" + made[0].split(":targetgroup/")[-1]}


def _with_full_name(create: Create) -> Create:
    def repaired(name: str, properties: Properties, stack: str) -> Made:
        return _full_name(create(name, properties, stack))

    return repaired


def _updated_with_full_name(update: Update) -> Update:
    def repaired(physical_id: str, before: Properties, now: Properties, stack: str, name: str = "") -> Made:
        return _full_name(update(physical_id, before, now, stack, name))

    return repaired


def _with_weights(create: Create) -> Create:
    """The target groups of a rule with their weights, of which MiniStack keeps the first group only."""

    def repaired(name: str, properties: Properties, stack: str) -> Made:
        made = create(name, properties, stack)
        kept = alb._rules[made[0]]["Actions"]
        for action, given in zip(kept, properties["Actions"], strict=True):
            if given.get("ForwardConfig"):
                action["ForwardConfig"] = copy.deepcopy(given["ForwardConfig"])
        return made

    return repaired
