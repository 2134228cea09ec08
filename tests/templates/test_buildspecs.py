"""The buildspecs of the pipeline: files that the template names, with commands that exist.

Source: https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
"""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.conftest import PROJECT
from tests.templates.stacks import load_all

FOLDER = PROJECT / "cloudformation" / "buildspecs"
PHASES = {"install", "pre_build", "build", "post_build"}
# Those of CodeBuild itself, and of the shell.
GIVEN = {"PWD", "HOME"}


def projects() -> dict[str, dict[str, Any]]:
    """The CodeBuild projects of the pipeline by the buildspec that each names."""
    resources = load_all()["pipeline"]["Resources"]
    found = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::CodeBuild::Project"]
    return {each["Source"]["BuildSpec"]: each for each in found}


def specification(path: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((PROJECT / path).read_text(encoding="utf-8"))
    return found


def commands(spec: dict[str, Any]) -> list[str]:
    """All commands of a buildspec in their order."""
    return [command for phase in spec["phases"].values() for command in phase.get("commands", [])]


def variables(path: str) -> set[str]:
    """The names of the variables that a buildspec's project sets."""
    return {
        each.get("Name") or each["Fn::If"][1]["Name"]  # the one of the vault is there on a condition
        for each in projects()[path]["Environment"]["EnvironmentVariables"]
    }


def test_each_file_is_of_a_project() -> None:
    assert set(projects()) == {f"cloudformation/buildspecs/{path.name}" for path in FOLDER.glob("*.yml")}


@pytest.mark.parametrize("path", sorted(projects()))
def test_it_is_a_buildspec(path: str) -> None:
    spec = specification(path)
    assert spec["version"] == 0.2
    assert set(spec) <= {"version", "env", "phases"}
    assert set(spec.get("env", {})) <= {"variables"}
    assert set(spec["phases"]) <= PHASES
    assert all(set(phase) <= {"runtime-versions", "commands"} for phase in spec["phases"].values())
    assert commands(spec)


@pytest.mark.parametrize("path", sorted(projects()))
def test_what_it_calls_exists(path: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    for command in commands(specification(path)):
        words = command.split()
        if words[0] == "make":
            assert set(words[1:]) <= targets, command
        else:
            # Programs are of what is installed, and files of the project.
            assert words[0] in ("sh", ".venv/bin/ansible-playbook"), command
            assert (PROJECT / words[1]).is_file(), command


@pytest.mark.parametrize("path", sorted(projects()))
def test_the_variables_that_it_reads_are_set(path: str) -> None:
    spec = specification(path)
    known = {*variables(path), *spec.get("env", {}).get("variables", {}), *GIVEN}
    used = {name for command in commands(spec) for name in re.findall(r"\$\{?(\w+)", command)}
    assert used <= known


def runs_ansible() -> list[str]:
    """The buildspecs that run a playbook."""
    return [path for path in sorted(projects()) if any("playbooks/" in line for line in commands(specification(path)))]


@pytest.mark.parametrize("path", runs_ansible())
def test_a_stage_that_runs_ansible_can_open_the_vault(path: str) -> None:
    spec, environment = specification(path), projects()[path]["Environment"]["EnvironmentVariables"]
    script = PROJECT / spec["env"]["variables"]["ANSIBLE_VAULT_PASSWORD_FILE"]
    assert script.stat().st_mode & 0o111
    [name] = re.findall(r"\$\{(\w+):-", script.read_text())
    secret = {"Name": name, "Type": "SECRETS_MANAGER", "Value": {"Ref": "VaultSecretArn"}}
    assert {"Fn::If": ["VaultGiven", secret, {"Ref": "AWS::NoValue"}]} in environment
    # And its role may read the secret.
    role = projects()[path]["ServiceRole"]["Fn::GetAtt"][0]
    [policy] = load_all()["pipeline"]["Resources"][role]["Properties"]["Policies"]
    reading = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": {"Ref": "VaultSecretArn"}}
    granted = policy["PolicyDocument"]["Statement"]
    assert {"Fn::If": ["VaultGiven", reading, {"Ref": "AWS::NoValue"}]} in granted
