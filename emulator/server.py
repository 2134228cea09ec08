"""The server: MiniStack with everything here put in. Started by `python -m emulator start`, not by hand."""

from __future__ import annotations

import importlib.metadata
import sys

from emulator import MINISTACK_VERSION


def main() -> int:
    """Check the version, repair MiniStack in this very process, and serve until told to stop."""
    found = importlib.metadata.version("ministack")
    if found != MINISTACK_VERSION:
        sys.stderr.write(
            f"The emulator is written for MiniStack {MINISTACK_VERSION}, and here is {found}. Its repairs reach into "
            f"MiniStack's inside: install requirements/emulator.txt, or bring emulator/ up to the new one.\n"
        )
        return 2
    from ministack.app import main as serve  # noqa: PLC0415 - only when the version is right

    from emulator import account, cloudformation, database, metrics, postgres, recorded, registry  # noqa: PLC0415
    from emulator import task_end, task_logs, task_start, tasks, templates  # noqa: PLC0415
    from emulator.resources import alarms, load_balancing, network, secrets, storage  # noqa: PLC0415

    types = (network, load_balancing, secrets, storage, alarms, recorded)
    running = (registry, postgres, database, tasks, task_start, task_logs, task_end, metrics)
    parts = (templates, account, *types, *running)
    for part in (*parts, cloudformation):
        part.install()
    serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
