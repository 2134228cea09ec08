"""Which state of the project is being deployed: its git commit, and what differs from it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

COMMIT_DIGITS = 12
_SHOWN_FILES = 10


class RevisionError(Exception):
    """The state has no name; the message says why and what to do."""


@dataclass(frozen=True)
class Revision:
    """A state of the project."""

    name: str
    """The commit's first digits; with uncommitted work, `<commit>-<hash of all files>`."""
    uncommitted: tuple[str, ...] = ()
    """The files that differ from the commit."""


def revision(project: Path, *, allow_uncommitted: bool) -> Revision:
    """The state of the project's folder.

    Args:
        project: Its folder.
        allow_uncommitted: Whether it may differ from the commit.

    Raises:
        RevisionError: It is no git repository, has no commit, or differs and may not.
    """
    if not shutil.which("git"):
        raise RevisionError("There is no command git: install it. Images are called after their git commit.")
    try:
        commit = _git(project, "rev-parse", "--verify", "HEAD")[:COMMIT_DIGITS]
    except RevisionError as error:
        raise RevisionError(
            f"{project} gives no git commit, and images are called after one: work in a clone of it. {error}"
        ) from error
    changed = tuple(line[3:] for line in _git(project, "status", "--porcelain", "--untracked-files=all").splitlines())
    if not changed:
        return Revision(commit)
    if not allow_uncommitted:
        more = f", and {len(changed) - _SHOWN_FILES} more" if len(changed) > _SHOWN_FILES else ""
        raise RevisionError(
            f"What is deployed has to be committed, so that it can be had again, and these files differ from {commit}: "
            f"{', '.join(changed[:_SHOWN_FILES])}{more}. Commit them or put them aside (git stash --include-untracked)."
        )
    return Revision(f"{commit}-{_tree(project)[:COMMIT_DIGITS]}", changed)


def _tree(project: Path) -> str:
    """The hash of all files as they are, those that git ignores left out. The repository itself stays as it is."""
    top = _git(project, "rev-parse", "--show-toplevel")
    index = Path(top, _git(project, "rev-parse", "--git-path", "index"))
    objects = Path(top, _git(project, "rev-parse", "--git-path", "objects"))
    with tempfile.TemporaryDirectory() as folder:
        # A copy of the index knows which files are unchanged: they are not read again.
        if index.exists():
            shutil.copyfile(index, Path(folder, "index"))
        environment = {
            "GIT_INDEX_FILE": f"{folder}/index",
            "GIT_OBJECT_DIRECTORY": folder,
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects),
        }
        _git(Path(top), "add", "--all", environment=environment)
        return _git(Path(top), "write-tree", environment=environment)


def _git(folder: Path, *words: str, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        ["git", *words],
        cwd=folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RevisionError(f"git {words[0]} failed: {done.stderr.strip()}")
    return done.stdout.rstrip("\n")
