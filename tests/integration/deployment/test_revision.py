"""What is deployed is called after its git commit, in real repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deployment.revision import RevisionError, revision


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "program.py").write_text("print(1)\n")
    (tmp_path / ".gitignore").write_text("/build\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "one")
    return tmp_path


def test_a_commit(project: Path) -> None:
    (project / "build").write_text("what git ignores")
    found = revision(project, allow_uncommitted=False)
    assert found.name == git(project, "rev-parse", "HEAD")[:12]


@pytest.mark.parametrize("changed", ["program.py", "new.py"])
def test_uncommitted_work_is_refused_by_name(project: Path, changed: str) -> None:
    (project / changed).write_text("print(2)\n")
    with pytest.raises(RevisionError, match=rf"has to be committed.*{changed}.*git stash"):
        revision(project, allow_uncommitted=False)


def test_uncommitted_work_has_a_name_of_its_own_that_is_the_same_each_time(project: Path) -> None:
    commit = revision(project, allow_uncommitted=True).name
    (project / "new.py").write_text("print(2)\n")
    first = revision(project, allow_uncommitted=True)
    assert first == revision(project, allow_uncommitted=True)
    assert first.name.startswith(f"{commit}-")
    assert first.uncommitted == ("new.py",)
    (project / "new.py").write_text("print(3)\n")
    assert revision(project, allow_uncommitted=True).name != first.name


def test_looking_leaves_the_repository_as_it_is(project: Path) -> None:
    (project / "new.py").write_text("print(2)\n")
    before = sorted(str(path) for path in (project / ".git").rglob("*"))
    revision(project, allow_uncommitted=True)
    assert sorted(str(path) for path in (project / ".git").rglob("*")) == before
    assert git(project, "status", "--porcelain") == "?? new.py"


def test_a_folder_without_a_repository(tmp_path: Path) -> None:
    with pytest.raises(RevisionError, match="work in a clone"):
        revision(tmp_path, allow_uncommitted=True)
