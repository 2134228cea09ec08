"""`make resilience`: all trials at their whole length, their table, and how many passed as the last line.

python -m tests.resilience [pytest's arguments]
"""

from __future__ import annotations

import sys

import pytest

from tests.conftest import PROJECT
from tests.resilience.trials import FOLDER


class Count:
    """Counts tests by how they ended."""

    def __init__(self) -> None:
        self.by_outcome: dict[str, set[str]] = {"passed": set(), "failed": set(), "skipped": set()}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Of each phase; set-up and end of a test that pass are no result."""
        if report.when == "call" or not report.passed:
            self.by_outcome[report.outcome].add(report.nodeid)


def main(arguments: list[str]) -> int:
    """Run them one after the other, since each counts on the machine's processors; the result is the exit status."""
    count = Count()
    status = pytest.main(["--full", "--timeout=1800", str(PROJECT / FOLDER), *arguments], plugins=[count])
    failed, skipped = count.by_outcome["failed"], count.by_outcome["skipped"]
    passed = count.by_outcome["passed"] - failed
    left = f", {len(skipped)} skipped" if skipped else ""
    sys.stdout.write(f"{len(passed)} passed, {len(failed)} failed{left}\n")
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
