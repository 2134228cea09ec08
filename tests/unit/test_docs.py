"""The documents say what is so: settings, links, commands."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from docs import parameters, settings
from tests.conftest import PROJECT

DOCUMENTS = sorted(
    [*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md"), PROJECT / "requirements" / "README.md"],
)
TESTS = {path.name: path.read_text() for path in (PROJECT / "tests").rglob("test_*.py")}

# Each command of the README and what runs it: a test that has these words in its text.
SHOWN_BY = {
    "make up SOURCE=/data/weather": ("test_local_place.py", 'place.make("up", f"SOURCE={source}")'),
    "make up": ("test_local_place.py", 'place.make("up")'),
    "curl -s '127.0.0.1:8000/api/weather/stats?per_page=1'": ("test_local_place.py", "/api/weather/stats?per_page=1"),
    "make down": ("test_local_place.py", 'place.make("down")'),
    "make down PURGE=1": ("test_local_place.py", 'place.make("down", "PURGE=1")'),
    "make rehearse": ("test_rehearsal.py", "`make rehearse` runs these"),
    # The same playbooks with another inventory: AWS itself is not within reach of a test.
    "sh requirements/install.sh deploy": ("test_rehearsal.py", ""),
    ".venv/bin/ansible-playbook playbooks/plan.yml -i inventory/production": (
        "test_rehearsal.py",
        'rehearsal.play("playbooks/plan.yml")',
    ),
    ".venv/bin/ansible-playbook site.yml -i inventory/production": ("test_rehearsal.py", 'rehearsal.play("site.yml")'),
}


def _commands(document: Path) -> list[str]:
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```", document.read_text(), re.DOTALL | re.MULTILINE)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):.*## ", (PROJECT / "Makefile").read_text(), re.MULTILINE))


def test_the_page_of_parameters_is_what_the_templates_declare() -> None:
    assert parameters.PAGE.read_text() == parameters.page(), "run `make docs`"


def test_the_settings_page_is_what_the_programs_declare() -> None:
    assert settings.PAGE.read_text() == settings.page(), "run `make docs`"


def test_every_command_of_the_readme_is_run_by_a_test() -> None:
    commands = set(_commands(PROJECT / "README.md"))
    assert commands == set(SHOWN_BY)
    for test, words in SHOWN_BY.values():
        assert words in TESTS[test]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text()):
        if not target.startswith(("http://", "https://")):
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_targets_that_are_named_exist(document: Path) -> None:
    named = set(re.findall(r"`(?:[A-Z]+=\S+ )?make ([a-z]+)", document.read_text()))
    assert named <= _targets()


def _playbook_calls(document: Path) -> list[str]:
    """Each command that runs a playbook, on one line, wherever a line of the text breaks it."""
    text = " ".join(document.read_text().split())
    return re.findall(r"ansible-playbook ((?:playbooks/)?\w+\.yml[^`)\"']*)", text)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_playbooks_that_are_named_exist_and_know_what_they_are_given(document: Path) -> None:
    known = "".join(path.read_text() for path in (PROJECT / "playbooks").rglob("*.yml"))
    for path in (PROJECT / "inventory").rglob("main.yml"):
        known += path.read_text()
    for call in _playbook_calls(document):
        playbook, *rest = call.split()
        assert (PROJECT / playbook).exists(), call
        for inventory in re.findall(r"(?:-i|--inventory) (inventory/\w+)", " ".join(rest)):
            assert (PROJECT / inventory).exists(), call
        for name in re.findall(r"-e (\w+)=", " ".join(rest)):
            assert re.search(rf"\b{name}\b", known), f"{call}: no playbook reads {name}"


def test_help_lists_every_target() -> None:
    listed = subprocess.run(["make", "help"], cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=True).stdout
    assert set(re.findall(r"^ +make (\w+) ", listed, re.MULTILINE)) == _targets()


def test_every_variable_of_the_inventory_is_explained_and_used() -> None:
    inventory = PROJECT / "inventory" / "local" / "group_vars" / "all.yml"
    text = inventory.read_text()
    used = "".join(path.read_text() for path in (PROJECT / "playbooks").rglob("*.yml"))
    for name in yaml.safe_load(text):
        assert re.search(rf"\b{name}\b", used), f"{name} is not used"
    for paragraph in text.removeprefix("---\n").strip().split("\n\n"):
        assert paragraph.startswith("#"), f"not explained: {paragraph}"


@pytest.mark.parametrize("role", sorted((PROJECT / "roles").iterdir()), ids=lambda path: path.name)
def test_a_role_says_what_it_reads_and_reads_nothing_else(role: Path) -> None:
    specification = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    names = {name for entry in specification.values() for name in entry.get("options", {})}
    assert names
    assert all(name.startswith(f"{role.name}_") for name in names)
    defaults = role / "defaults" / "main.yml"
    if defaults.exists():
        assert set(yaml.safe_load(defaults.read_text())) <= names


def test_a_variable_is_declared_in_one_place() -> None:
    declared = [
        name
        for path in [*PROJECT.glob("app/**/*.py"), *PROJECT.glob("[drw]*/**/*.py")]
        for name in re.findall(r'variable\(\s*"(\w+)"', path.read_text())
    ]
    twice = {name for name in declared if declared.count(name) > 1}
    # The checker's are of a narrower kind: a bucket, where the worker also takes a folder, and may find the manifest.
    assert twice == {"WINDSOCK_SOURCE", "WINDSOCK_MANIFEST"}
