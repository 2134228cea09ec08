"""Which release is the one before, and what an earlier one knows of the database."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deployment.rollback import Release, RollbackError, newest_migration, previous

KNOWN = [Release(tag, f"2026-11-0{day} 10:00 UTC") for day, tag in enumerate(("aaa", "bbb", "ccc"), start=1)]


@pytest.mark.parametrize(("running", "before"), [("ccc", "bbb"), ("bbb", "aaa"), ("forgotten", "ccc")])
def test_the_release_before_is_the_one_that_came_through_before(running: str, before: str) -> None:
    assert previous(KNOWN, running) == before


def test_before_the_first_there_is_none() -> None:
    with pytest.raises(
        RollbackError, match=r"There is no release before aaa .*: aaa \(2026-11-01 10:00 UTC\), bbb"
    ) as no:
        previous(KNOWN, "aaa")
    assert "-e to=<commit>" in str(no.value)


def git(folder: Path, *words: str) -> str:
    person = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *person, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_what_a_release_knows_of_the_database_is_in_the_history(tmp_path: Path) -> None:
    folder = tmp_path / "database" / "migrations" / "versions"
    folder.mkdir(parents=True)
    git(tmp_path, "init", "--quiet")
    commits = []
    for name in ("0001_tables.py", "0002_more.py"):
        (folder / name).write_text('"""A change."""\n')
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "--quiet", "--message", name)
        commits.append(git(tmp_path, "rev-parse", "HEAD")[:12])
    assert [newest_migration(tmp_path, commit) for commit in commits] == ["0001", "0002"]
    assert newest_migration(tmp_path, f"{commits[0]}-0123456789ab") == "0001"  # with uncommitted work
    with pytest.raises(RollbackError, match=r"does not have the commit 0123456789ab.*git fetch"):
        newest_migration(tmp_path, "0123456789ab")
