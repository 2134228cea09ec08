"""The places that keep no backups say so, and what to do instead."""

from __future__ import annotations

import pytest

from tests.acceptance.playbook import play


@pytest.mark.parametrize(
    ("place", "instead"),
    [("local", "`make down`, then copy"), ("compose", "docker exec windsock-db-1 pg_dump")],
)
def test_a_place_without_backups_says_what_to_do(place: str, instead: str) -> None:
    done = play("playbooks/restore.yml", place)
    assert done.returncode != 0
    assert "keeps no backups" in done.stdout + done.stderr
    assert instead in done.stdout + done.stderr
