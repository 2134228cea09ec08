"""Which migrations an older release cannot work with."""

from __future__ import annotations

from pathlib import Path

import pytest

from database.migrations import versions
from database.revisions import UnknownRevisionError, in_the_way, known_revisions

MIGRATIONS = {
    "0001_tables.py": '"""The tables."""\n',
    "0002_add_column.py": '"""A column for the wind."""\nworks_with_code_of = "0001"\n',
    "0003_drop_column.py": '"""The old column goes.\n\nUnread.\n"""\nworks_with_code_of = "0002"\n',
    "0004_says_nothing.py": '"""Something."""\n',
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in MIGRATIONS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_a_change_that_only_adds_is_not_in_the_way(folder: Path) -> None:
    assert in_the_way("0001", "0002", folder) == []


def test_a_change_that_takes_away_is_named_with_what_it_does(folder: Path) -> None:
    assert in_the_way("0001", "0003", folder) == ["0003_drop_column: The old column goes."]
    assert in_the_way("0002", "0003", folder) == []  # the release that no longer needed it
    assert in_the_way("0003", "0003", folder) == []


def test_a_migration_that_says_nothing_is_in_the_way(folder: Path) -> None:
    assert in_the_way("0003", "", folder) == ["0004_says_nothing: Something."]


def test_a_database_of_a_newer_release_cannot_be_judged(folder: Path) -> None:
    with pytest.raises(UnknownRevisionError, match=r"at revision 0005.*its newest is 0004"):
        in_the_way("0001", "0005", folder)


def test_each_of_ours_lets_the_release_before_run_beside_it() -> None:
    [folder] = versions.__path__
    before = "0001"
    for path in sorted(Path(folder).glob("[0-9]*_*.py"))[1:]:
        revision = path.name.partition("_")[0]
        assert 'works_with_code_of = "' in path.read_text(encoding="utf-8"), path.name
        assert in_the_way(before, revision) == [], path.name
        before = revision
    assert before == known_revisions()[0]
