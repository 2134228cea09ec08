"""The bill of an inventory, by a real run of Ansible, without anything of AWS: no credentials, no network."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.playbook import play, without_credentials


def bill(tmp_path: Path, inventory: str, *more: str) -> tuple[int, str]:
    """Run `playbooks/cost.yml` as somebody who has never had to do with AWS."""
    done = play("playbooks/cost.yml", inventory, *more, environment=without_credentials(tmp_path))
    return done.returncode, done.stdout + done.stderr


def test_the_bill_of_production_with_what_it_assumes_and_what_would_be_cheaper(tmp_path: Path) -> None:
    status, said = bill(tmp_path, "production")
    assert status == 0, said
    assert "production: 163.28 US dollars a month." in said
    assert "db.t4g.small in two zones" in said
    assert "stack_parameters.network.NatMode: instance" in said
    assert "List prices of us-east-1 as of 2026-10-15" in said
    assert "requests               1,000,000" in said


def test_two_inventories_side_by_side(tmp_path: Path) -> None:
    status, said = bill(tmp_path, "production", "-e", "compare=staging")
    assert status == 0, said
    assert "production: 163.28 US dollars a month, staging: 52.76." in said


def test_other_assumptions_and_another_region_are_said(tmp_path: Path) -> None:
    other = '{"cost_usage": {"log_gb": 105}, "aws": {"region": "eu-central-1"}}'
    status, said = bill(tmp_path, "production", "-e", other)
    assert status == 0, said
    assert "216.28 US dollars" in said  # 100 GB more, .53 each
    assert "This place is in eu-central-1, where prices differ: -e live_prices=true" in said


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-e", "compare=stagin"], "there is no inventory/stagin/group_vars/all/main.yml"),
        (["-e", '{"cost_usage": {"request": 1}}'], "cost_usage.request: there is no such assumption"),
        (["-e", '{"stack_parameters": {"network": {"NatMode": "two"}}}'], "stack_parameters.network.NatMode is 'two'"),
        (
            ["-e", '{"stack_parameters": {"database": {"InstanceClass": "db.m7g.large"}}}'],
            "deployment/prices.yml has no rds.db.m7g.large.hour",
        ),
        (["-e", "live_prices=true"], "There are no credentials for AWS"),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, words: list[str], expected: str) -> None:
    status, said = bill(tmp_path, "production", *words)
    assert status != 0
    assert expected in " ".join(said.split())


def test_this_machine_sends_no_bill(tmp_path: Path) -> None:
    status, said = bill(tmp_path, "local")
    assert (status, "AWS sends no bill for it" in said) == (0, True)
