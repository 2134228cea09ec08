"""The server: MiniStack with everything here put in. Started by `python -m emulator start`, not by hand."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys

from emulator import MINISTACK_VERSION

PARTS = (
    # CloudFormation itself
    "templates", "changes", "account",
    # its resource types
    "resources.network", "resources.load_balancing", "resources.secrets", "resources.storage", "resources.alarms",
    "recorded",
    # what runs in containers
    "registry", "postgres", "database", "restores", "crashes", "tasks", "task_start", "task_logs", "task_end",
    # services of ECS, their health and their releases
    "service_api", "health",
    # who calls whom
    "task_events", "metrics", "functions", "schedules", "rotation",
    # the server's own addresses
    "edge", "control", "listening",
    # last, since it needs to know all that the others have put in
    "cloudformation",
)  # fmt: skip
"""Each has an `install()` that repairs one subject; a later one may put something around an earlier one's repair."""


def main() -> int:
    """Check the version, repair MiniStack in this very process, and serve until told to stop."""
    found = importlib.metadata.version("ministack")
    if found != MINISTACK_VERSION:
        sys.stderr.write(
            f"The emulator is written for MiniStack {MINISTACK_VERSION}, and here is {found}. Its repairs reach into "
            f"MiniStack's inside: install requirements/emulator.txt, or bring emulator/ up to the new one.\n"
        )
        return 2
    for part in PARTS:
        importlib.import_module(f"emulator.{part}").install()
    importlib.import_module("ministack.app").main()
    return 0


if __name__ == "__main__":
    sys.exit(main())
