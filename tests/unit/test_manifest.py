"""The manifest: what is written is what is read, whatever the files are called."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.manifest import ManifestError, dump, load, new_files

SOURCE = "s3://weather/wx"
texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(texts, texts, max_size=5))
def test_what_is_written_is_read(versions: dict[str, str]) -> None:
    text = dump(SOURCE, ((f"{SOURCE}/{name}", version) for name, version in versions.items()), "2026-10-31T06:00:00Z")
    assert load(text) == versions
    assert json.loads(text) == {
        "format": 1,
        "source": SOURCE,
        "written_at": "2026-10-31T06:00:00Z",
        "files": versions,
    }


def test_only_the_source_itself_is_taken_from_an_address() -> None:
    assert load(dump(SOURCE, [(f"{SOURCE}/a/{SOURCE}/b", "1")], "")) == {f"a/{SOURCE}/b": "1"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is not a manifest of Windsock"),
        ("{", "it is not a manifest of Windsock"),
        ("[]", "it is not a manifest of Windsock"),
        ("{}", "it is not a manifest of Windsock"),
        ('{"format": 1}', "it is not a manifest of Windsock"),
        ('{"format": 2, "files": {}}', "its format is 2; this release reads 1"),
        ('{"format": 1, "files": ["a"]}', "its files are no names with versions"),
    ],
)
def test_what_is_no_manifest(text: str, why: str) -> None:
    with pytest.raises(ManifestError) as raised:
        load(text)
    assert str(raised.value) == why


def test_new_files_are_those_in_another_version() -> None:
    recorded = {"same": "1", "changed": "1", "deleted": "1"}
    assert new_files([("same", "1"), ("changed", "2"), ("new", "1")], recorded) == ["changed", "new"]
