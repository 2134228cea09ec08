"""`make bench`: a table of figures, each with what it must reach; the exit status is 1 where one does not."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench import api, bucket, by_year, first_load, loading_again, yearly_statistics
from bench.context import Bench
from bench.plot import svg
from bench.results import Figure
from bench.server import running_server
from worker.sample import write_sample

PROJECT = Path(__file__).parent.parent
RESULTS = PROJECT / "bench" / "results.json"
PICTURE = PROJECT / "bench" / "results.svg"

# What is measured, in this order: a module each, which names its references and what it must reach.
MEASUREMENTS: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "first-load": first_load.measure,
    "again": loading_again.measure,
    "bucket": bucket.measure,
    "statistics": yearly_statistics.measure,
    "by-year": by_year.measure,
    "api": api.measure,
}


def main() -> int:
    """Measure, show and write down."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="how often each figure is measured (5)")
    parser.add_argument("--only", choices=MEASUREMENTS, action="append", help="measure this (all); may be given again")
    parser.add_argument("--plot", type=Path, default=PICTURE, help="where the picture goes (bench/results.svg)")
    arguments = parser.parse_args()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as scratch, running_server() as server:
        bench = Bench(server, weather_files(Path(scratch)), Path(scratch), arguments.runs)
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task("measuring", total=None)
            for name in arguments.only or MEASUREMENTS:
                progress.update(task, description=name)
                for figure in MEASUREMENTS[name](bench):
                    figures.append(figure)
                    progress.console.print(f"{figure.what}: {figure.median:.3g} {figure.reference}")
    Console(width=None if sys.stdout.isatty() else 160).print(table(figures))
    RESULTS.write_text(json.dumps([{**vars(figure), "median": figure.median} for figure in figures], indent=2) + "\n")
    arguments.plot.write_text(svg(figures))
    failed = sum(figure.passed is False for figure in figures)
    sys.stdout.write(f"{sum(figure.passed is True for figure in figures)} passed, {failed} failed\n")
    return 1 if failed else 0


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
    made = Table("what", "median", "spread", "is", "must be", "")
    for figure in figures:
        spread = f"{min(figure.values):.3g} to {max(figure.values):.3g}" if len(figure.values) > 1 else ""
        must = f"{figure.bound} {figure.limit:g}" if figure.limit is not None else ""
        verdict = {True: "[green]passed", False: "[red]failed", None: ""}[figure.passed]
        made.add_row(figure.what, f"{figure.median:.3g}", spread, figure.reference, must, verdict)
    return made


if __name__ == "__main__":
    sys.exit(main())
