"""What was tried, how often, what was lost: each test of this folder fills in a row of one table."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import pytest
from rich.console import Console
from rich.table import Table

PROPERTY = "trial"
FOLDER = "tests/resilience/"


@dataclasses.dataclass
class Trial:
    """A row of the table.

    what: what was done to Windsock, in words for a reader who has not seen the test
    times: how often
    lost: what users would miss: rows, requests, secrets; it must be 0
    seen: figures worth showing, such as how long the recovery took
    """

    what: str = ""
    times: int = 0
    lost: int = 0
    seen: str = ""


def show(reporter: pytest.TerminalReporter) -> None:
    """Print the table of the tests of this folder that have run, in whichever process."""
    reports = [
        report
        for outcome in ("passed", "failed", "error", "skipped")
        for report in reporter.stats.get(outcome, [])
        if isinstance(report, pytest.TestReport) and report.nodeid.startswith(FOLDER)
    ]
    if not reports:
        return
    reporter.section("resilience: what was tried, and what was lost")
    console = Console(width=max(reporter._tw.fullwidth, 140), file=reporter._tw._file)
    console.print(table(sorted(reports, key=lambda report: report.nodeid)))


def table(reports: Iterable[pytest.TestReport]) -> Table:
    """The rows of these reports."""
    made = Table("subject", "tried", "times", "lost", "seen", "")
    for report in reports:
        file, _, test = report.nodeid.removeprefix(FOLDER).partition("::")
        trial = Trial(**dict(report.user_properties).get(PROPERTY, {}))
        subject = file.removesuffix(".py").replace("test_", "").replace("_", " ")
        what = trial.what or test.removeprefix("test_").replace("_", " ")
        figures = (str(trial.times), str(trial.lost)) if trial.times else ("", "")
        made.add_row(subject, what, *figures, trial.seen, report.outcome)
    return made
