"""What can be proved of the templates without AWS: their schema, and the rules of the three modules beside this."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.templates import rules_network, rules_release, rules_safety
from tests.templates.stacks import FOLDER, NAMES, Stacks, load_all

Rule = Callable[[Stacks], list[str]]


def rules() -> list[Rule]:
    """The public functions of the rule modules."""
    modules = (rules_network, rules_safety, rules_release)
    return [
        function
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    ]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.__name__)
def test_the_templates_hold_to(rule: Rule) -> None:
    assert rule(load_all()) == []


def test_cfn_lint_finds_nothing() -> None:
    """With all its rules, informational ones too: no configuration file, no directive in a template."""
    paths = [str(FOLDER / f"{name}.yaml") for name in NAMES]
    command = [
        str(Path(sys.executable).parent / "cfn-lint"),
        "--include-checks",
        "I",
        "--non-zero-exit-code",
        "informational",
        "--",
    ]
    run = subprocess.run([*command, *paths], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert not any("cfn-lint" in (FOLDER / f"{name}.yaml").read_text() for name in NAMES)


def test_the_ten_templates_of_the_design_are_there() -> None:
    named = "network storage registry database cluster api ingestion edge monitoring pipeline"
    assert sorted(named.split()) == NAMES
