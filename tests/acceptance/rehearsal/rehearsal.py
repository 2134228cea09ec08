"""A rehearsal of a test's own: a copy of the project, an emulated AWS of its own, and the playbooks run on both."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deployment.session import Place
from tests.acceptance.client import NO_ANSWER, Answer, get
from tests.acceptance.playbook import ANSIBLE_PLAYBOOK
from tests.conftest import PROJECT, free_port, unmeasured

MINUTE_S = 3.0
"""A minute of a template in seconds: a bake of three minutes takes nine seconds."""


@dataclasses.dataclass
class Played:
    """What a run of a playbook printed, and how it ended."""

    code: int
    text: str
    seconds: float

    def counted(self, what: str) -> int:
        """A number of the recap, such as of `changed`."""
        found = re.search(rf"^rehearsal\s+:.*\b{what}=(\d+)", self.text, re.MULTILINE)
        assert found, self.text
        return int(found[1])


class Rehearsal:
    """The copy, the emulator, and what is asked of both."""

    def __init__(self, folder: Path) -> None:
        """Copy the project, what is not committed yet included, so that a test may change it."""
        self.folder = folder / "windsock"
        self.port = free_port(in_a_row=2)  # the emulator has both
        self.url = f"http://127.0.0.1:{self.port + 1}"
        self.place = Place("us-east-1", "", f"http://127.0.0.1:{self.port}", "test", "test")
        self.stopwatch: list[tuple[str, float, int]] = []
        """What was run, for how many seconds, with how many calls of AWS."""
        self.printed: list[str] = []
        """Each line that a playbook printed."""
        self.written_down: list[dict[str, Any]] = []
        """What the emulator has only recorded."""
        subprocess.run(["git", "clone", "--quiet", PROJECT, self.folder], check=True)
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=PROJECT, check=True, capture_output=True, text=True,
        )  # fmt: skip
        for name in filter(None, listed.stdout.split("\0")):
            source, copy = PROJECT / name, self.folder / name
            if source.exists():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, copy)
            else:
                copy.unlink(missing_ok=True)

    def start(self) -> None:
        """Start the emulated AWS."""
        self._emulator("start", "--port", str(self.port), "--minute", str(MINUTE_S))

    def stop(self) -> None:
        """Stop it with all its containers."""
        self._emulator("stop")

    def write_down(self) -> None:
        """Remember for the summary what the emulator has only recorded."""
        self.written_down = json.loads((self.folder / ".rehearsal" / "recorded.json").read_text(encoding="utf-8"))

    def fire_schedule(self) -> None:
        """Have the daily schedule do now what it does when due."""
        self._emulator("fire", self.outputs("ingestion")["ScheduleName"])

    def play(self, playbook: str, *options: str) -> Played:
        """Run a playbook against the emulated AWS. What it prints is passed on as it comes."""
        command = [
            str(ANSIBLE_PLAYBOOK), playbook, "--inventory", "inventory/rehearsal",
            "--extra-vars", f"emulator_port={self.port}", *options,
        ]  # fmt: skip
        began, calls = time.monotonic(), self.calls()
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env={**unmeasured(), "LC_ALL": "C.UTF-8", "ANSIBLE_FORCE_COLOR": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            sys.stdout.write(line)
            lines.append(line)
        code, seconds = process.wait(), time.monotonic() - began
        self.stopwatch.append((" ".join([playbook, *options]), seconds, self.calls() - calls))
        self.printed += lines
        return Played(code, "".join(lines), seconds)

    def calls(self) -> int:
        """How often playbooks have asked the emulated AWS for something."""
        return int(get(f"http://127.0.0.1:{self.port}/_emulator/calls").json()["calls"])

    def outputs(self, stack: str) -> dict[str, str]:
        """What a stack gives."""
        region = "us-east-1"
        client = self.place.client("cloudformation", region)
        described = client.describe_stacks(StackName=f"windsock-rehearsal-{stack}")["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}

    def change(self, path: str, before: str, after: str) -> None:
        """Change a file of the copy."""
        file = self.folder / path
        text = file.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{path} has {before!r} {text.count(before)} times"
        file.write_text(text.replace(before, after), encoding="utf-8")

    def restore(self) -> None:
        """Bring the copy back to what it was."""
        for name in ("app", "database", "worker", "compose", "inventory"):
            shutil.rmtree(self.folder / name)
            shutil.copytree(PROJECT / name, self.folder / name, ignore=shutil.ignore_patterns("__pycache__"))

    def commit_without(self, path: str) -> str:
        """A commit of the copy, on no branch, that is its newest without a file."""
        index = {**os.environ, "GIT_INDEX_FILE": str(self.folder / ".git" / "another-index")}

        def git(*words: str) -> str:
            done = subprocess.run(
                ["git", *words], cwd=self.folder, env=index, check=True, capture_output=True, text=True
            )
            return done.stdout.strip()

        git("read-tree", "HEAD")
        git("rm", "--cached", "--quiet", path)
        person = ("-c", "user.name=Rehearsal", "-c", "user.email=rehearsal@example.org")
        return git(*person, "commit-tree", git("write-tree"), "-p", "HEAD", "-m", "Before")[:12]

    def tag_images(self, tag: str, other: str) -> None:
        """Give the images of a release a second tag, as if they were of another commit."""
        for output in ("ApiRepositoryUri", "WorkerRepositoryUri"):
            repository = self.outputs("registry")[output].partition("/")[2]
            ecr = self.place.client("ecr")
            [found] = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageTag": tag}])["images"]
            ecr.put_image(repositoryName=repository, imageManifest=found["imageManifest"], imageTag=other)

    def revision(self) -> str:
        """The commit that the API says it was built from."""
        return str(get(f"{self.url}/health/live").json()["revision"])

    def containers(self, name: str = "") -> list[str]:
        """The names of the running containers that this rehearsal has."""
        listed = subprocess.run(
            ["docker", "ps", "--filter", f"label=org.windsock.rehearsal={self.port}", "--format", "{{.Names}}"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        return [line for line in listed.stdout.splitlines() if name in line]

    def _emulator(self, *words: str) -> None:
        # The project's own, not the copy's: its packages are installed once.
        command = [sys.executable, "-m", "emulator", *words, "--folder", str(self.folder / ".rehearsal")]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@dataclasses.dataclass(frozen=True)
class Failure:
    """A request that was not answered with 200: when it was asked and when it failed, and the answer if there was one.

    The times are of `time.monotonic`.
    """

    asked: float
    failed: float
    path: str
    answer: Answer | None
    text: str


@dataclasses.dataclass
class Load:
    """Requests that were made all the while, by what came of them."""

    answered: int = 0
    failures: list[Failure] = dataclasses.field(default_factory=list)
    revisions: list[str] = dataclasses.field(default_factory=list)

    @property
    def failed(self) -> list[str]:
        """What failed, in words."""
        return [f"{each.path}: {each.text}" for each in self.failures]


USUAL_PATHS = ("/health/live", "/api/weather?per_page=10")


@contextmanager
def under_load(url: str, clients: int = 4, paths: Sequence[str] = USUAL_PATHS) -> Iterator[Load]:
    """Ask without a pause from several clients while the block runs; an answer other than 200 is a failure.

    `{n}` in a path is another number in each request, so that no cache has the answer.
    """
    load, over, lock, numbers = Load(), threading.Event(), threading.Lock(), itertools.count()

    def ask() -> None:
        while not over.is_set():
            for template in paths:
                path, asked, answer, revision = (
                    template.replace("{n}", str(next(numbers))),
                    time.monotonic(),
                    None,
                    None,
                )
                try:
                    answer = get(url + path)
                    problem = None if answer.status == 200 else f"{answer.status} {answer.body[:200]!r}"
                    revision = answer.json()["revision"] if path == "/health/live" and not problem else None
                except NO_ANSWER as error:
                    problem = f"no answer: {error}"
                with lock:
                    load.answered += not problem
                    if problem:
                        load.failures.append(Failure(asked, time.monotonic(), path, answer, problem))
                    if revision and revision not in load.revisions:
                        load.revisions.append(revision)
            time.sleep(0.02)

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        over.set()
        for thread in threads:
            thread.join(timeout=60)


def eventually(what: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Whether something comes true within so many seconds."""
    until = time.monotonic() + seconds
    while not what():
        if time.monotonic() > until:
            return False
        time.sleep(0.3)
    return True
