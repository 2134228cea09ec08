"""`make bench`: a table of figures, each with what it must reach; the exit status is 1 where one does not."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench import api, loading
from bench.results import Figure
from bench.server import Server, running_server
from worker.sample import write_sample

PROJECT = Path(__file__).parent.parent
RESULTS = PROJECT / "bench" / "results.json"


def main() -> int:
    """Measure, show and write down."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="how often each figure is measured (5)")
    parser.add_argument("--only", choices=["loading", "api"], help="measure one part")
    arguments = parser.parse_args()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as scratch, running_server() as server:
        source = weather_files(Path(scratch))
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("measuring", total=None)
            for figure in figures_of(arguments.only, server, source, Path(scratch), arguments.runs):
                figures.append(figure)
                progress.update(task, description=figure.name)
    Console().print(table(figures))
    RESULTS.write_text(json.dumps([{**vars(figure), "median": figure.median} for figure in figures], indent=2) + "\n")
    passed = sum(figure.passed for figure in figures)
    sys.stdout.write(f"{passed} passed, {len(figures) - passed} failed\n")
    return 0 if passed == len(figures) else 1


def figures_of(only: str | None, server: Server, source: Path, scratch: Path, runs: int) -> Iterator[Figure]:
    """The figures of the parts that are asked for."""
    if only != "api":
        yield from loading.measure(server, source, scratch, runs)
    if only != "loading":
        server.empty()
        loading.ingest(server, source)
        yield from api.measure(server, runs)


def weather_files(scratch: Path) -> Path:
    """The real station files of WINDSOCK_DATA, or as many generated ones where there are none."""
    archive = Path(os.environ.get("WINDSOCK_DATA", PROJECT.parent / "shared" / "data")) / "wx_data.tar.xz"
    if not archive.exists():
        write_sample(scratch / "sample", stations=167)
        return scratch / "sample"
    with tarfile.open(archive) as opened:
        opened.extractall(scratch, filter="data")
    return scratch / "wx_data"


def table(figures: list[Figure]) -> Table:
    """The figures for a terminal."""
    made = Table("figure", "median", "spread", "must be", "", "note")
    for figure in figures:
        spread = f"{min(figure.values):.3g} to {max(figure.values):.3g}"
        verdict = "[green]passed" if figure.passed else "[red]failed"
        made.add_row(
            figure.name, f"{figure.median:.3g}", spread, f"{figure.bound} {figure.limit:g}", verdict, figure.note
        )
    return made


if __name__ == "__main__":
    sys.exit(main())
