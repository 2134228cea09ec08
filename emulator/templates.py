"""The short forms of the functions that a template's rules are made of: MiniStack knows the long ones only."""

from __future__ import annotations

from ministack.services.cloudformation import engine

_FUNCTIONS = ("Contains", "EachMemberEquals", "EachMemberIn", "RefAll", "ValueOf", "ValueOfAll")


def install() -> None:
    """Read `!Contains` as `Fn::Contains`, and so on."""
    for function in _FUNCTIONS:
        engine.CfnLoader.add_constructor(f"!{function}", engine._construct_cfn_tag(f"Fn::{function}"))
