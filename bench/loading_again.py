"""Loading again: nothing new, a day more in every file, one file revised."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from bench.context import Bench
from bench.results import Figure


def measure(bench: Bench) -> Iterator[Figure]:
    """The passes after the first."""
    source = bench.scratch / "again"
    shutil.copytree(bench.weather, source, ignore=shutil.ignore_patterns("_windsock"))
    paths = sorted(source.glob("*.txt"))

    bench.first_load(source)
    unchanged = [bench.ingest(source).seconds for _ in range(bench.runs)]
    yield Figure(f"second pass, {len(paths)} files, nothing changed", "seconds", unchanged, "at most", 0.1)

    appended = []
    for _ in range(bench.runs):
        shutil.rmtree(source)
        shutil.copytree(bench.weather, source, ignore=shutil.ignore_patterns("_windsock"))
        whole = bench.first_load(source)
        for path in paths:
            with path.open("a") as file:
                file.write("20491231\t    1\t    0\t    0\n")
        appended.append(bench.ingest(source).seconds / whole)
    yield Figure("one day appended to every file", "share of the first load", appended, "at most", 0.10)

    alone = bench.scratch / "alone"
    alone.mkdir()
    with_others, by_itself = [], []
    for run in range(bench.runs):
        bench.first_load(source)
        _revise(paths[0], run)
        with_others.append(bench.ingest(source).seconds)
        shutil.copy(paths[0], alone)
        bench.first_load(alone)
        _revise(alone / paths[0].name, run + bench.runs)
        by_itself.append(bench.ingest(alone).seconds)
    shares = [one / other for one, other in zip(with_others, by_itself, strict=True)]
    yield Figure(
        "one file of all revised", "times the same file revised where it is the only one", shares, "at most", 2
    )


def _revise(path: Path, run: int) -> None:
    """Change one value in the middle of the file."""
    lines = path.read_text().splitlines(keepends=True)
    middle = len(lines) // 2
    lines[middle] = f"{lines[middle][:21]}{run + 1:5d}\n"
    path.write_text("".join(lines))
